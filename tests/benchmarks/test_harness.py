from __future__ import annotations

import pytest
import torch

from spp_ops.benchmarks import harness
from spp_ops.benchmarks.peers import Run

CPU = torch.device("cpu")


@pytest.mark.usefixtures("quick_harness")
def test_contestants_take_turns_in_a_turning_order() -> None:
    order: list[str] = []
    runs = {name: Run(lambda _: None) for name in "abc"}
    seconds = harness.take_turns(runs, CPU, rounds=3, progress=order.append)
    assert order == [*"abc", *"abc", *"bca", *"cab"]
    assert all(len(times) == 3 and min(times) > 0 for times in seconds.values())


def test_only_the_call_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def take(seconds: float) -> float:
        nonlocal now
        now += seconds
        return seconds

    monkeypatch.setattr(harness.time, "perf_counter", lambda: now)
    run = Run(call=take, before=lambda: take(100.0) / 50)
    assert harness.call_seconds(run, CPU) == 2.0


def test_quick_work_is_called_often_and_slow_work_once() -> None:
    assert harness._calls(1e-5) == harness.MOST_CALLS
    assert harness._calls(10.0) == 1


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with harness.threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
