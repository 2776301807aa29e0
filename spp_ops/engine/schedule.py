"""When the learning rate rises and falls, in shares of the run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spp_ops.engine.config import expect


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up, then a division by 10 at each milestone.

    Attributes:
        warmup: steps over which the rate rises.
        drops: steps before which it is divided by 10, one division for each.
    """

    warmup: int
    drops: tuple[int, ...]

    @staticmethod
    def of_run(warmup: float, milestones: Sequence[float], epochs: int, epoch_steps: int) -> Schedule:
        """Lay a schedule over a run.

        Args:
            warmup: below 1 a share of the run; otherwise a number of steps.
            milestones: below 1 a share of the run; otherwise a number of epochs.
            epochs: of the run.
            epoch_steps: steps in each.
        """
        steps = epochs * epoch_steps
        return Schedule(
            round(warmup * steps) if warmup < 1 else round(warmup),
            tuple(
                max(round(place * steps), 1) if 0 < place < 1 else round(place * epoch_steps) for place in milestones
            ),
        )

    def divisions(self, step: int) -> int:
        """How many times the rate of a step, counted from 0, has been divided by 10."""
        return sum(step >= drop for drop in self.drops)

    def warmed(self, step: int) -> float:
        """The share of the rate that the warm-up has reached at a step."""
        return min((step + 1) / max(self.warmup, 1), 1.0)


def expect_schedule(warmup: float, milestones: Sequence[float]) -> None:
    """Raise ValueError unless the two describe a schedule."""
    expect(0 <= warmup < math.inf, "warmup", "a share of the run below 1, or a number of steps", warmup)
    ordered = all(0 <= place < math.inf for place in milestones)
    expect(ordered, "milestones", "shares of the run below 1, or epochs", tuple(milestones))
