"""Times named stages of a job that is run several times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import torch


class Stopwatch:
    """Collects seconds by stage; work still queued on the device is waited for.

    Args:
        device: the device the timed work runs on.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seconds: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block."""
        self._synchronize()
        start = time.perf_counter()
        yield
        self._synchronize()
        self._seconds.setdefault(name, []).append(time.perf_counter() - start)

    def median(self, name: str) -> float:
        """Seconds the stage took in the median, the first time, which was the warm-up, left out."""
        return median(self._seconds[name][1:])

    def _synchronize(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
