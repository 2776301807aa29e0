"""Time and memory of work on a GPU, without what the CPU takes to ask for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

ROUNDS = 9
MOST_CALLS = 20  # in a row: one measurement
CYCLES_A_SECOND = 2.0e9  # no GPU's clock is faster by much; a longer wait does no harm

Call = Callable[[], object]


def take_turns(contestants: Mapping[str, Call], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return microseconds a call of each contestant, one number a round; the order turns with the rounds."""
    names = list(contestants)
    for name in names:
        asking_seconds(contestants[name])
    micros: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            micros[name].append(measure(contestants[name]))
    return micros


def measure(call: Call) -> float:
    """Return microseconds a call while several wait in the stream, so that the GPU never waits for the CPU."""
    wait = asking_seconds(call) * MOST_CALLS * 1.5
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda._sleep(int(wait * CYCLES_A_SECOND))
    begin.record()
    for _ in range(MOST_CALLS):
        call()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) * 1000 / MOST_CALLS


def asking_seconds(call: Call) -> float:
    """Return the seconds the CPU takes to enqueue a call, after a warm-up."""
    for _ in range(2):
        call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(3):
        call()
    seconds = (time.perf_counter() - start) / 3
    torch.cuda.synchronize()
    return seconds


def copy_bandwidth() -> float:
    """Return bytes a second of a large copy, counting those read and those written."""
    source = torch.zeros(2**28, device="cuda")
    target = torch.empty_like(source)
    micros = median(take_turns({"copy": lambda: target.copy_(source)})["copy"])
    return 2 * source.numel() * source.element_size() / micros * 1e6


def peak_bytes(call: Call) -> int:
    """Return how much more memory than before is in use at the peak of a call."""
    call()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def captured(call: Callable[[], torch.Tensor]) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
    """Capture a call in a CUDA graph; return the graph and the tensor its replays write."""
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
