"""Time and memory of work on a GPU, without what the CPU takes to ask for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import TypeVar

import torch

from spp_ops.benchmarks.peers import Run

ROUNDS = 9
CALLS = 20  # in a row: one measurement
CYCLES_A_SECOND = 2.0e9  # no GPU's clock is faster by much; a longer wait does no harm

Result = TypeVar("Result")


def take_turns(contestants: Mapping[str, Run], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return microseconds a call of each contestant, one number a round; the order turns with the rounds."""
    names = list(contestants)
    for name in names:
        measure(contestants[name])
    micros: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            micros[name].append(measure(contestants[name]))
    return micros


def measure(run: Run) -> float:
    """Return microseconds a call while several wait in the stream, so that the GPU never waits for the CPU.

    What a call needs made ready is made ready before the clock starts, for all calls.
    """
    wait = asking_seconds(run) * CALLS * 1.5
    prepared = [run.before() for _ in range(CALLS)]
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    torch.cuda._sleep(int(wait * CYCLES_A_SECOND))
    begin.record()
    while prepared:
        run.call(prepared.pop())
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) * 1000 / CALLS


def asking_seconds(run: Run) -> float:
    """Return the seconds the CPU takes to enqueue a call, after a warm-up."""
    run.call(run.before())
    prepared = [run.before() for _ in range(3)]
    torch.cuda.synchronize()
    start = time.perf_counter()
    for each in prepared:
        run.call(each)
    seconds = (time.perf_counter() - start) / len(prepared)
    torch.cuda.synchronize()
    return seconds


def copy_bandwidth() -> float:
    """Return bytes a second of a large copy, counting those read and those written."""
    source = torch.zeros(2**28, device="cuda")
    target = torch.empty_like(source)
    micros = median(take_turns({"copy": Run(lambda _: target.copy_(source))})["copy"])
    return 2 * source.numel() * source.element_size() / micros * 1e6


def peak_bytes(run: Run) -> int:
    """Return how much more memory than before is in use at the peak of a call."""
    run.call(run.before())
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run.call(run.before())
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def captured(call: Callable[[], Result]) -> tuple[torch.cuda.CUDAGraph, Result]:
    """Capture a call in a CUDA graph; return the graph and what its replays write."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call()
    return graph, result
