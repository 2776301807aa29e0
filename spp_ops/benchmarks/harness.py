"""Takes the time of several runs so that their ratios can be trusted.

* Contestants take turns in rounds, and the order turns with the rounds: noise of the machine hits all alike, and nobody
  always inherits the same neighbor's caches. A ratio is taken within each round; its median over the rounds counts.
* In a round, a contestant is called until it has had its share of time, and the median call counts.
* Memory that is freed stays with the process, so that a fresh output lands on pages that are already there, as it does
  in a loop over images with any allocator that keeps memory. What page faults cost is measured by itself.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median

import torch

from spp_ops.benchmarks.peers.base import Run

ROUNDS = 7
SECONDS_A_ROUND = 0.15  # a contestant's share of a round, if one call does not take longer
MOST_CALLS = 25  # a contestant's calls a round

# glibc's mallopt parameters (malloc.h)
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4


def take_turns(
    contestants: Mapping[str, Run],
    device: torch.device,
    rounds: int = ROUNDS,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """Return seconds a call of each contestant, one number a round, after a warm-up.

    Args:
        contestants: what is timed, by name.
        device: where the work is done; a GPU's own clock is used there.
        rounds: how many.
        progress: called with a contestant's name before its turn.
    """
    calls: dict[str, int] = {}
    for name, run in contestants.items():
        progress(name)
        calls[name] = _calls(_warm_up(run, device))
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(rounds):
        first = turn % len(names) if names else 0
        for name in names[first:] + names[:first]:
            progress(name)
            run = contestants[name]
            seconds[name].append(median(call_seconds(run, device) for _ in range(calls[name])))
    return seconds


def call_seconds(run: Run, device: torch.device) -> float:
    """Time one call, in seconds."""
    prepared = run.before()
    if device.type != "cuda":
        start = time.perf_counter()
        run.call(prepared)
        return time.perf_counter() - start
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    begin.record()
    run.call(prepared)
    end.record()
    torch.cuda.synchronize(device)
    return float(begin.elapsed_time(end)) / 1000


def _warm_up(run: Run, device: torch.device) -> float:
    """Run until pages are touched, code is compiled and caches are filled; return the seconds of the last call."""
    spent = 0.0
    while True:
        seconds = call_seconds(run, device)
        spent += seconds
        if spent > SECONDS_A_ROUND:
            return seconds


def _calls(seconds: float) -> int:
    return max(1, min(MOST_CALLS, int(SECONDS_A_ROUND / max(seconds, 1e-9))))


def keep_freed_memory() -> bool:
    """Let freed memory stay with the process from now on. False where the C library has no such setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run PyTorch on that many threads within; the other peers ask PyTorch how many to use."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
