"""The operator in PyTorch operations, without a loop over windows or bins, for devices that have no kernels.

MPS and XPU are such, and CUDA under a build without it. The cells of a channel are sorted, first maximum first; the
maximum of a bin then is its cell of least rank, and tables of the least rank over 2**a x 2**b cells give it in four
look-ups, whatever the size of the bin. Some channels, and of them some tables, are worked on at a time, so that what
is held beside the maps and the result is no larger than these.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from spp_ops._core import extension
from spp_ops._core.geometry import place_boxes
from spp_ops.projection import Projection

WITH_KERNELS = frozenset({"cpu", "meta"} | ({"cuda"} if extension.build_info()["cuda"] else set()))


def roi_spatial_pyramid_pool(
    maps: Sequence[Tensor],
    rois: Tensor,
    levels: Sequence[tuple[int, int]],
    projections: Sequence[Projection],
    *,
    map_index: Tensor | None = None,
    target_area: float = 0.0,
) -> Tensor:
    """Pool rois [R, 5] from maps [N, C, H, W], one projection each, to [R, C * M]; arguments are already checked.

    Results and derivatives, of any order, are the kernels', as on CUDA: nothing waits for the device, and a bad row
    becomes NaN. Says once a type of device that this is slower.
    """
    if not torch.compiler.is_compiling():
        _warn(rois.device.type)
    images = maps[0].size(0)
    sizes = [(features.shape[2], features.shape[3]) for features in maps]
    placements = place_boxes(rois, sizes, projections, images=images, map_index=map_index, target_area=target_area)
    pooled = maps[0].new_full((1, 1), float("nan"))
    for m, features in enumerate(maps):
        from_map = _pool_map(features, placements.image, placements.windows, levels)
        pooled = torch.where((placements.map == m)[:, None], from_map, pooled)
    return pooled


@functools.cache
def _warn(device: str) -> None:
    warnings.warn(
        f"spp_ops: this build has no kernels for {device}; PyTorch operations are used, which is slower", stacklevel=4
    )


def _pool_map(features: Tensor, image: Tensor, windows: Tensor, levels: Sequence[tuple[int, int]]) -> Tensor:
    """[R, C * M], every window pooled from this map."""
    images, channels, height, width = features.shape
    bins = sum(rows * columns for rows, columns in levels)
    if features.numel() == 0:
        return features.new_zeros(len(windows), channels * bins) + features.sum()
    layout = [_Bins.of(windows, level, (height, width)) for level in levels]
    budget = max(features.numel(), len(windows) * channels * bins)  # in numbers
    tables = _tables(height) * _tables(width)
    at_once = max(1, min(channels, budget // (images * tables * height * width)))
    parts = [_pool_channels(each, image, layout, budget) for each in features.split(at_once, dim=1)]
    by_level = zip(*parts, strict=True)  # [R, channels of the part, rows, columns] each
    return torch.cat([torch.cat(level, dim=1).flatten(1) for level in by_level], dim=1)


def _tables(extent: int) -> int:
    """How many powers of two there are up to `extent`."""
    count = 1
    while 2**count <= extent:
        count += 1
    return count


class _Bins(NamedTuple):
    """Bins of one level as two ranges of 2**exponent cells along each axis; everything is [R, rows] or [R, columns]."""

    row_exponent: Tensor
    rows: tuple[Tensor, Tensor]  # where the two ranges begin
    no_row: Tensor
    column_exponent: Tensor
    columns: tuple[Tensor, Tensor]
    no_column: Tensor

    @staticmethod
    def of(windows: Tensor, level: tuple[int, int], size: tuple[int, int]) -> _Bins:
        """Lay a level of (rows, columns) over windows [R, 4] of a map of (height, width)."""
        x, y, width, height = windows.unbind(1)
        return _Bins(
            *_halves(*_bin_ranges(y, height, level[0], size[0]), size[0]),
            *_halves(*_bin_ranges(x, width, level[1], size[1]), size[1]),
        )


def _bin_ranges(low: Tensor, extent: Tensor, bins: int, limit: int) -> tuple[Tensor, Tensor]:
    """Begins and ends, [R, bins], of the bins of windows along one axis, clipped to the map (see pyramid.h)."""
    index = torch.arange(bins, device=low.device)
    begin = low[:, None] + (index * extent[:, None]).div(bins, rounding_mode="floor")
    end = low[:, None] + ((index + 1) * extent[:, None] + bins - 1).div(bins, rounding_mode="floor")
    return begin.clamp(0, limit), end.clamp(0, limit)


def _halves(begin: Tensor, end: Tensor, limit: int) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
    """Two ranges of 2**exponent cells that together cover [begin, end): exponent, both begins, and what is empty."""
    powers = 2 ** torch.arange(1, _tables(limit), device=begin.device)
    exponent = (end - begin)[..., None].ge(powers).sum(-1)
    empty = end <= begin
    return exponent, (begin.clamp(max=limit - 1), torch.where(empty, 0, end - 2**exponent)), empty


def _pool_channels(features: Tensor, image: Tensor, levels: Sequence[_Bins], budget: int) -> list[Tensor]:
    """[R, C, rows, columns] of each level. Differentiable; only the places of the maxima are kept for that."""
    _, channels, height, width = features.shape
    order = features.detach().flatten(2).sort(dim=2, descending=True, stable=True).indices
    ranks: list[Tensor] = []
    first = 0
    for tables in _batched(_least_rank_tables(order, (height, width)), budget // features.numel()):
        found = [_look_up(tables, first, image, bins) for bins in levels]
        ranks = [torch.minimum(*each) for each in zip(ranks, found, strict=True)] if first else found
        first += len(tables)
    plane = image[:, None] * channels + torch.arange(channels, device=image.device)
    corner = plane[:, :, None, None] * (height * width)
    pooled = []
    for rank, bins in zip(ranks, levels, strict=True):
        cell = order.reshape(-1)[corner + rank.permute(0, 3, 1, 2)]
        empty = (bins.no_row[:, :, None] | bins.no_column[:, None, :])[:, None]
        pooled.append(torch.where(empty, 0, features.reshape(-1)[corner + cell]))
    return pooled


def _least_rank_tables(order: Tensor, size: tuple[int, int]) -> Iterator[Tensor]:
    """Tables [N, H, W, C] of the least rank among 2**a x 2**b cells down and right from a cell, b counting first.

    Beyond the map's edge there is nothing to count. `order` [N, C, H * W] names the cell of each rank.
    """
    ranks = torch.arange(order.size(2), dtype=torch.int32, device=order.device)
    table = torch.empty_like(order, dtype=torch.int32).scatter_(2, order, ranks.expand_as(order))
    for tall in _doubled(table.unflatten(2, size).permute(0, 2, 3, 1).contiguous(), dim=1):
        yield from _doubled(tall, dim=2)


def _doubled(table: Tensor, dim: int) -> Iterator[Tensor]:
    """`table`, and its minima over 2, 4, 8, ... neighbors along `dim`."""
    extent = table.shape[dim]
    position = torch.arange(extent, device=table.device)
    yield table
    for exponent in range(_tables(extent) - 1):
        neighbor = (position + 2**exponent).clamp(max=extent - 1)
        table = torch.minimum(table, table.index_select(dim, neighbor))
        yield table


def _batched(tables: Iterator[Tensor], count: int) -> Iterator[Tensor]:
    """Some of the tables at a time, stacked."""
    while some := list(itertools.islice(tables, max(1, count))):
        yield torch.stack(some)


def _look_up(tables: Tensor, first: int, image: Tensor, bins: _Bins) -> Tensor:
    """Least ranks [R, rows, columns, C] of bins, from tables [T, N, H, W, C], the first of them of number `first`.

    Of a bin that needs another table it is more than any rank.
    """
    count, images, height, width, channels = tables.shape
    number = bins.row_exponent[:, :, None] * _tables(width) + bins.column_exponent[:, None, :] - first
    plane = number.clamp(0, count - 1) * images + image[:, None, None]
    rows = tables.view(-1, channels)
    ranks = [
        rows[(plane * height + y[:, :, None]) * width + x[:, None, :]]
        for y, x in itertools.product(bins.rows, bins.columns)
    ]
    least = functools.reduce(torch.minimum, ranks)
    here = (number >= 0) & (number < count)
    return torch.where(here[..., None], least, height * width)
