"""Range-maximum tables in plain PyTorch: what one can do without a compiled extension.

Entry (y, x) of table (a, b) is the maximum over 2^a x 2^b cells from (y, x), so any bin is the maximum of four entries,
whatever its size. Only the sizes that occur are built; levels that divide a finer one are taken from its bins.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers.base import Pass, Peer, Run

CHUNK = 64  # windows at a time, so that what is gathered stays in the cache


class RangeMaximumTables(Peer):
    """Range-maximum tables in plain PyTorch, 64 windows at a time."""

    name = "tables"

    @override
    def declines(self, work: Workload) -> str | None:
        return "measured on one map" if len(work.maps) > 1 else super().declines(work)

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        def forward(_: None) -> Tensor:
            with torch.no_grad():
                return pool(work)

        return Run(forward)


def pool(work: Workload) -> Tensor:
    """Pool the workload into its output, and return that."""
    _, channels, height, width = work.maps[0].shape
    windows = work.windows()
    levels = sorted(set(work.levels), reverse=True)  # finer ones first
    rows = {n: edges(windows[:, 1], windows[:, 3], n, height) for n in levels}
    columns = {n: edges(windows[:, 0], windows[:, 2], n, width) for n in levels}
    empty = {n: _empty(rows[n], columns[n]) for n in levels}

    from_map = [n for n in levels if not _finer(n, levels)]
    tables = _Tables(work.maps[0], _powers(rows, from_map), _powers(columns, from_map))
    image_start = work.rois[:, 0].long() * (height * width)
    entries = {n: tables.entries(rows[n], columns[n], image_start) for n in from_map}

    output = work.output.view(work.case.rows, -1)
    for start in range(0, work.case.rows, CHUNK):
        chunk = slice(start, start + CHUNK)
        bins: dict[int, Tensor] = {}  # [chunk, n, n, C]
        for n in levels:
            finer = _finer(n, levels)
            bins[n] = _merge(bins[finer], n) if finer else tables.maximum(entries[n][:, chunk])
            _fill(bins[n], empty[n][chunk], -math.inf)
        column = 0
        for n in work.levels:
            _fill(bins[n], empty[n][chunk], 0)
            level = output[chunk, column : column + channels * n * n].view(-1, channels, n * n)
            level.copy_(bins[n].flatten(1, 2).transpose(1, 2))
            column += channels * n * n
    return output


class _Tables:
    """The tables of the sizes that occur, one after another in memory: [sizes, N * H * W, C]."""

    def __init__(self, features: Tensor, row_powers: list[int], column_powers: list[int]) -> None:
        images, channels, self.height, self.width = features.shape
        self.cells = images * self.height * self.width
        self.columns = max(column_powers) + 1
        self.slot = torch.full((max(row_powers) + 1, self.columns), -1, device=features.device)
        grid = [(a, b) for a in row_powers for b in column_powers]
        self.memory = features.new_empty(len(grid), images, self.height, self.width, channels)
        for k, (a, b) in enumerate(grid):
            self.slot[a, b] = k
        self._build(features.permute(0, 2, 3, 1), row_powers, column_powers)

    def _build(self, cells: Tensor, row_powers: list[int], column_powers: list[int]) -> None:
        for a in range(max(row_powers) + 1):
            if a:
                cells = _doubled(cells, 1, 2 ** (a - 1))
            if a not in row_powers:
                continue
            wide = cells
            for b in range(max(column_powers) + 1):
                if b:
                    wide = _doubled(wide, 2, 2 ** (b - 1))
                if b in column_powers:
                    self.memory[self.slot[a, b]].copy_(wide)

    def entries(self, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor], image_start: Tensor) -> Tensor:
        """Return where the four entries of every bin lie, [4, R, n, n]."""
        (y1, y2), (x1, x2) = rows, columns
        a, b = _power(y1, y2)[:, :, None], _power(x1, x2)[:, None, :]
        table = self.slot[a, b] * self.cells + image_start[:, None, None]
        top, left = y1[:, :, None].clamp(max=self.height - 1), x1[:, None, :].clamp(max=self.width - 1)
        bottom = (y2[:, :, None] - 2**a).clamp(min=0)
        right = (x2[:, None, :] - 2**b).clamp(min=0)
        corners = [(y, x) for y in (top, bottom) for x in (left, right)]
        return torch.stack([table + y * self.width + x for y, x in corners])

    def maximum(self, entries: Tensor) -> Tensor:
        """Return the maximum of each bin's four entries, [r, n, n, C]."""
        table = self.memory.view(-1, self.memory.shape[-1])
        bins = table.index_select(0, entries[0].flatten())
        for corner in entries[1:]:
            torch.maximum(bins, table.index_select(0, corner.flatten()), out=bins)
        return bins.view(*entries.shape[1:], -1)


def _finer(n: int, levels: list[int]) -> int:
    """Return the coarsest level that ``n`` divides, 0 if none does."""
    return min((m for m in levels if m > n and m % n == 0), default=0)


def edges(low: Tensor, high: Tensor, n: int, limit: int) -> tuple[Tensor, Tensor]:
    """Return half-open cell ranges [R, n] of n bins over each window's extent, clipped to the map."""
    i, extent = torch.arange(n, device=low.device), (high - low)[:, None]
    start = low[:, None] + (i * extent).div(n, rounding_mode="floor")
    end = low[:, None] - (-(i + 1) * extent).div(n, rounding_mode="floor")
    return start.clamp(0, limit), end.clamp(0, limit)


def _power(start: Tensor, end: Tensor) -> Tensor:
    """Return the exponent of the largest power of two that fits each range."""
    return torch.frexp((end - start).clamp(min=1).float()).exponent.long() - 1


def _powers(edges: dict[int, tuple[Tensor, Tensor]], levels: list[int]) -> list[int]:
    return sorted({power for n in levels for power in _power(*edges[n]).flatten().tolist()})


def _empty(rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> Tensor:
    return (rows[0] >= rows[1])[:, :, None] | (columns[0] >= columns[1])[:, None, :]


def _fill(bins: Tensor, where: Tensor, value: float) -> None:
    """Write ``value`` to the bins that ``where`` names."""
    bins.view(-1, bins.shape[-1]).index_fill_(0, where.flatten().nonzero().squeeze(1), value)


def _doubled(cells: Tensor, dim: int, shift: int) -> Tensor:
    """Return the table whose entries cover twice as far along ``dim``; near the far edge they keep what is there."""
    doubled = cells.clone()
    length = cells.shape[dim] - shift
    if length > 0:
        near, far = cells.narrow(dim, 0, length), cells.narrow(dim, shift, length)
        torch.maximum(near, far, out=doubled.narrow(dim, 0, length))
    return doubled


def _merge(bins: Tensor, n: int) -> Tensor:
    """Merge into [r, n, n, C] a finer level's [r, m, m, C]."""
    factor = bins.shape[1] // n
    parts = [bins[:, y::factor, x::factor] for y in range(factor) for x in range(factor)]
    merged = torch.maximum(parts[0], parts[1])
    for part in parts[2:]:
        torch.maximum(merged, part, out=merged)
    return merged
