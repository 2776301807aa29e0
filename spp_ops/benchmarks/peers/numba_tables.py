"""Range-maximum tables compiled by numba: what one can do with a compiler in Python.

The tables are those of `spp_ops.benchmarks.peers.tables`; here 16 channels of an image are laid side by side, their
tables built while they are in the cache, and every window of the image pooled from them, in one compiled loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers import tables
from spp_ops.benchmarks.peers.base import CpuPeer, Pass, Run

LANES = 16  # channels side by side


class NumbaTables(CpuPeer):
    """range-maximum tables compiled by numba, 16 channels side by side, on PyTorch's number of threads."""

    name = "numba-tables"
    packages = ("numba",)

    @override
    def declines(self, work: Workload) -> str | None:
        if len(work.maps) > 1 or work.case.channels % LANES != 0:
            return f"measured on one map of a multiple of {LANES} channels"
        return super().declines(work)

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        import numba

        pool = _compiled()
        levels = np.array([(n, _finer(n, work.levels)) for n in work.levels])
        order = np.array(sorted(range(len(work.levels)), key=lambda place: -work.levels[place]))

        def call(_: None) -> Tensor:
            numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
            rows, columns = _edges(work)
            images = work.rois[:, 0].long().numpy()
            pool(work.maps[0].numpy(), images, rows, columns, levels, order, work.output.numpy())
            return work.output

        return Run(call)


def _finer(n: int, levels: tuple[int, ...]) -> int:
    """The place of the coarsest level that ``n`` divides, -1 if none does."""
    finer = min((m for m in levels if m > n and m % n == 0), default=0)
    return levels.index(finer) if finer else -1


def _edges(work: Workload) -> tuple[Any, Any]:
    """Half-open ranges of cells, [R, bins along the axis of all levels, 2], of rows and of columns."""
    height, width = work.maps[0].shape[2:]
    windows = work.windows()

    def of_axis(axis: int, limit: int) -> Any:
        each = [tables.edges(windows[:, axis], windows[:, axis + 2], n, limit) for n in work.levels]
        return torch.stack([torch.cat(side, 1) for side in zip(*each, strict=True)], 2).numpy()

    return of_axis(1, height), of_axis(0, width)


# Loops that numba compiles when they are called first.


@functools.cache
def _power() -> Callable[[int], int]:
    """The exponent of the largest power of two that fits an extent."""
    import numba

    compiled = functools.partial(numba.njit, nogil=True)

    @compiled()
    def power(extent: int) -> int:
        exponent = 0
        while 2 << exponent <= extent:
            exponent += 1
        return exponent

    found: Callable[[int], int] = power
    return found


@functools.cache
def _table_loops() -> tuple[Callable[..., int], Callable[..., None]]:
    """The largest exponent that edges ask for; the tables of 16 channels, by exponents of height and width."""
    import numba

    compiled = functools.partial(numba.njit, nogil=True)

    power = _power()

    @compiled()
    def largest_power(edges: Any) -> int:
        return power(max(1, np.max(edges[:, :, 1] - edges[:, :, 0])))

    @compiled()
    def build(features: Any, table: Any) -> None:
        _, height, width = features.shape
        for y in range(height):
            for x in range(width):
                for lane in range(LANES):
                    table[0, 0, y, x, lane] = features[lane, y, x]
        for a in range(table.shape[0]):
            for b in range(table.shape[1]):
                if a + b == 0:
                    continue
                # From the table half as wide or, of one cell's width, half as high.
                from_a, from_b = (a, b - 1) if b else (a - 1, b)
                down, right = (0, 1 << (b - 1)) if b else (1 << (a - 1), 0)
                for y in range(height - (1 << a) + 1):
                    for x in range(width - (1 << b) + 1):
                        for lane in range(LANES):
                            table[a, b, y, x, lane] = max(
                                table[from_a, from_b, y, x, lane],
                                table[from_a, from_b, y + down, x + right, lane],
                            )

    return largest_power, build


@functools.cache
def _bin_loops() -> tuple[Callable[..., None], Callable[..., None]]:
    """A level's bins from tables; those of a level that divides a finer one from its bins."""
    import numba

    compiled = functools.partial(numba.njit, nogil=True)

    power = _power()

    @compiled()
    def pool_level(rows: Any, columns: Any, table: Any, bins: Any) -> None:
        count = len(rows)
        for i in range(count):
            y, bottom = rows[i]
            a = power(bottom - y)
            for j in range(count):
                x, right = columns[j]
                to = bins[i * count + j]
                if bottom <= y or right <= x:
                    to[:] = -np.inf
                    continue
                b = power(right - x)
                lower, other = bottom - (1 << a), right - (1 << b)
                for lane in range(LANES):
                    upper = max(table[a, b, y, x, lane], table[a, b, y, other, lane])
                    to[lane] = max(upper, table[a, b, lower, x, lane], table[a, b, lower, other, lane])

    @compiled()
    def merge_level(finer: Any, many: int, bins: Any, count: int) -> None:
        step = many // count
        for i in range(count):
            for j in range(count):
                to = bins[i * count + j]
                to[:] = -np.inf
                for y in range(i * step, (i + 1) * step):
                    for x in range(j * step, (j + 1) * step):
                        for lane in range(LANES):
                            to[lane] = max(to[lane], finer[y * many + x, lane])

    return pool_level, merge_level


@functools.cache
def _compiled() -> Callable[..., None]:
    """All windows of all images, a task for each image's every 16 channels."""
    import numba

    largest_power, build = _table_loops()
    pool_level, merge_level = _bin_loops()

    @numba.njit(parallel=True, nogil=True)
    def pool(features: Any, images: Any, rows: Any, columns: Any, levels: Any, order: Any, output: Any) -> None:
        count, channels, height, width = features.shape
        blocks = channels // LANES
        sizes = (largest_power(rows) + 1, largest_power(columns) + 1)
        axis_start, bin_start = np.zeros(len(levels) + 1, np.int64), np.zeros(len(levels) + 1, np.int64)
        for level in range(len(levels)):
            axis_start[level + 1] = axis_start[level] + levels[level, 0]
            bin_start[level + 1] = bin_start[level] + levels[level, 0] ** 2
        for task in numba.prange(count * blocks):
            image, first = task // blocks, task % blocks * LANES
            table = np.empty((sizes[0], sizes[1], height, width, LANES), features.dtype)
            bins = np.empty((bin_start[-1], LANES), features.dtype)
            build(features[image, first : first + LANES], table)
            for r in range(len(images)):
                if images[r] != image:
                    continue
                for level in order:
                    n, finer = levels[level]
                    of_level = bins[bin_start[level] : bin_start[level + 1]]
                    if finer >= 0:
                        merge_level(bins[bin_start[finer] : bin_start[finer + 1]], levels[finer, 0], of_level, n)
                    else:
                        axis = slice(axis_start[level], axis_start[level + 1])
                        pool_level(rows[r, axis], columns[r, axis], table, of_level)
                for level in range(len(levels)):
                    each = bin_start[level + 1] - bin_start[level]
                    start = channels * bin_start[level] + first * each
                    for lane in range(LANES):
                        for k in range(each):
                            value = bins[bin_start[level] + k, lane]
                            output[r, start + lane * each + k] = value if value > -np.inf else 0

    pooled: Callable[..., None] = pool
    return pooled
