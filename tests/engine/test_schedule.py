"""Schedules are shares of the run, however short it is."""

from __future__ import annotations

import math

import pytest

from spp_ops.classification.config import TrainingConfig
from spp_ops.detection.joint.config import JointConfig
from spp_ops.engine.schedule import Schedule, expect_schedule


def rates(schedule: Schedule, steps: int) -> list[float]:
    return [schedule.warmed(step) * 0.1 ** schedule.divisions(step) for step in range(steps)]


def test_shares_of_a_run() -> None:
    schedule = Schedule.of_run(0.2, (0.5, 0.8), epochs=2, epoch_steps=5)
    assert schedule == Schedule(2, (5, 8))
    assert rates(schedule, 10) == pytest.approx([0.5, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_steps_and_epochs() -> None:
    schedule = Schedule.of_run(4, (2, 3), epochs=4, epoch_steps=3)
    assert schedule == Schedule(4, (6, 9))
    assert rates(schedule, 7) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 0.1])
    assert Schedule.of_run(0, (), 1, 1).warmed(0) == 1


@pytest.mark.parametrize("config", [TrainingConfig(), JointConfig()])
@pytest.mark.parametrize("epochs", [1, 2, 3, 12])
@pytest.mark.parametrize("epoch_steps", [1, 2, 7, 100])
def test_the_defaults_let_short_runs_learn(config: TrainingConfig | JointConfig, epochs: int, epoch_steps: int) -> None:
    steps = epochs * epoch_steps
    schedule = Schedule.of_run(config.warmup, config.milestones, epochs, epoch_steps)
    shares = rates(schedule, steps)
    assert max(shares) == 1
    assert sum(share == 1 for share in shares) >= 0.45 * steps
    if steps >= 12:
        assert shares[-1] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("warmup", "milestones", "complaint"),
    [
        (-1, (), "warmup: expected a share of the run below 1, or a number of steps, got -1"),
        (math.nan, (), "warmup: expected a share"),
        (0, (0.5, -1), r"milestones: expected shares of the run below 1, or epochs, got \(0.5, -1\)"),
        (0, (math.inf,), "milestones: expected shares"),
    ],
)
def test_what_is_no_schedule(warmup: float, milestones: tuple[float, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        expect_schedule(warmup, milestones)
