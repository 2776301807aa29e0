"""Workloads small enough for tests: the real ones with fewer windows and channels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spp_ops.benchmarks import harness
from spp_ops.benchmarks.cases import CASES, Case


def shrunk(case: Case) -> Case:
    return replace(case, channels=min(case.channels, 8), windows=min(case.windows, 12), images=min(case.images, 2))


@pytest.fixture
def quick_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take little time, and leave the process's allocator as it is: other tests run in it too."""
    monkeypatch.setattr(harness, "SECONDS_A_ROUND", 0.001)
    monkeypatch.setattr(harness, "keep_freed_memory", lambda: False)


@pytest.fixture
def small_cases(monkeypatch: pytest.MonkeyPatch, quick_harness: None) -> dict[str, Case]:
    """Every workload, shrunk, in the place of the real ones."""
    for name, case in list(CASES.items()):
        monkeypatch.setitem(CASES, name, shrunk(case))
    return CASES
