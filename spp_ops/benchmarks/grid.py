"""The operator beside torchvision over a grid of shapes: few windows and many, small and large, on maps of any size.

Torchvision pools a level a call, and the levels are joined. Each point's time is the process's own, on one thread: the
least of several rounds in which both take turns, so that other work on the machine does not count.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

import spp_ops
from spp_ops.engine.machine import describe_machine

LEVELS = (6, 3, 2, 1)
WINDOWS = (1, 10, 100, 1000, 10000)
SIZES = (1, 7, 50, 200, 500)
MAPS = ((7, 7), (50, 80), (200, 336), (1000, 1000), (3000, 4000))
CHANNELS = (1, 3, 64, 256, 2048)
MOST_READS = 5e9  # of torchvision's cells a point: larger ones take minutes and say nothing new
MOST_BYTES = 1e9  # of map and of output
LEAST_SECONDS = 0.01  # that a contestant is called for in a round


@dataclass(frozen=True)
class Point:
    """One shape, and how many times as long torchvision takes."""

    windows: int
    size: int
    map: tuple[int, int]
    channels: int
    channels_last: bool
    gradient: bool
    ratio: float = 0.0


def points(layouts: Sequence[bool] = (False, True), gradients: Sequence[bool] = (False, True)) -> list[Point]:
    """Every point of the grid that fits: windows that the map holds, and no more work and memory than is bearable."""
    return [
        Point(*shape)
        for shape in itertools.product(WINDOWS, SIZES, MAPS, CHANNELS, layouts, gradients)
        if _fits(Point(*shape))
    ]


def _fits(point: Point) -> bool:
    height, width = point.map
    numbers = max(height * width, point.windows * sum(n * n for n in LEVELS)) * point.channels
    reads = point.windows * point.size**2 * point.channels * len(LEVELS)
    return point.size <= min(point.map) and reads <= MOST_READS and 4 * numbers <= MOST_BYTES


def run(grid: Sequence[Point], rounds: int, progress: Callable[[str], None] = lambda _: None) -> Iterator[Point]:
    """Measure each point, after a look that both give the same.

    Raises:
        RuntimeError: They do not.
    """
    for point in grid:
        progress(f"{point.windows} of {point.size} on {point.channels} x {point.map[0]} x {point.map[1]}")
        yield Point(**(asdict(point) | {"map": point.map, "ratio": _ratio(point, rounds)}))


def record(measured: Sequence[Point], rounds: int) -> dict[str, Any]:
    """What is written as JSON."""
    return {
        "levels": LEVELS,
        "rounds": rounds,
        "machine": describe_machine(torch.device("cpu")),
        "points": [asdict(p) for p in measured],
    }


def _ratio(point: Point, rounds: int) -> float:
    features, rois = _inputs(point)

    def step(pool: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        if not point.gradient:
            return pool(features, rois)
        features.grad = None
        pooled = pool(features, rois)
        pooled.backward(pooled.detach())
        return pooled

    with torch.set_grad_enabled(point.gradient):
        if not torch.equal(step(_ours), step(_torchvision)):
            raise RuntimeError(f"{point}: torchvision's numbers differ from ours")
        seconds = [(_seconds(lambda: step(_ours)), _seconds(lambda: step(_torchvision))) for _ in range(rounds)]
    return min(theirs for _, theirs in seconds) / min(ours for ours, _ in seconds)


def _inputs(point: Point) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    height, width = point.map
    features = torch.randn(1, point.channels, height, width, generator=generator)
    if point.channels_last:
        features = features.contiguous(memory_format=torch.channels_last)
    room = torch.tensor([width - point.size + 1, height - point.size + 1])
    corners = (torch.rand(point.windows, 2, generator=generator) * room).floor()
    rois = torch.cat([torch.zeros(point.windows, 1), corners, corners + point.size - 1], 1)
    return features.requires_grad_(point.gradient), rois


def _ours(features: Tensor, rois: Tensor) -> Tensor:
    return spp_ops.roi_spatial_pyramid_pool(features, rois, LEVELS, 1.0)


def _torchvision(features: Tensor, rois: Tensor) -> Tensor:
    from torchvision.ops import roi_pool

    return torch.cat([roi_pool(features, rois, n, 1.0).flatten(1) for n in LEVELS], 1)


def _seconds(call: Callable[[], object]) -> float:
    """Seconds a call, of the process's own time."""
    start, calls = time.process_time(), 0
    while True:
        call()
        calls += 1
        spent = time.process_time() - start
        if spent > LEAST_SECONDS:
            return spent / calls
