"""The operator in PyTorch operations alone and without a loop over windows or bins, for devices that have no kernels.

The cells of each channel are sorted once, first maximum first; the maximum of a bin then is its cell of least rank, and
tables of the least rank over 2**a x 2**b cells give it in four look-ups, whatever the size of the bin.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spp_ops._core.geometry import place_boxes
from spp_ops.projection import Projection


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

    Never synchronizes with the device: a bad row becomes NaN. Differentiable in the maps, to any order.
    """
    images, channels, _, _ = maps[0].shape
    sizes = [(features.shape[2], features.shape[3]) for features in maps]
    placements = place_boxes(rois, sizes, projections, images=images, map_index=map_index, target_area=target_area)
    bins = sum(rows * columns for rows, columns in levels)
    pooled = maps[0].new_full((len(rois), channels * bins), float("nan"))
    for m, features in enumerate(maps):
        from_map = _pool_map(features, placements.image, placements.windows, levels)
        pooled = torch.where((placements.map == m)[:, None], from_map, pooled)
    return pooled


def _pool_map(features: Tensor, image: Tensor, windows: Tensor, levels: Sequence[tuple[int, int]]) -> Tensor:
    """[R, C * M], every window pooled from this map."""
    images, channels, height, width = features.shape
    if features.numel() == 0:
        bins = sum(rows * columns for rows, columns in levels)
        return features.new_zeros(len(windows), channels * bins) + features.sum()
    ranked, order = features.flatten(2).sort(dim=2, descending=True, stable=True)
    tables = _least_rank_tables(order.view(images, channels, height, width))
    return torch.cat([_pool_level(ranked, tables, image, windows, level) for level in levels], dim=1)


def _least_rank_tables(order: Tensor) -> Tensor:
    """Tables [A, B, N, H, W, C] of the least rank among 2**a x 2**b cells down and right from a cell.

    Beyond the map's edge there is nothing to count. `order` [N, C, H, W] names the cell of each rank, as a place in the
    flattened plane.
    """
    _, _, height, width = order.shape
    ranks = torch.arange(height * width, dtype=torch.int32, device=order.device)
    cells = order.flatten(2)
    table = torch.empty_like(cells, dtype=torch.int32).scatter_(2, cells, ranks.expand_as(cells))
    table = table.view_as(order).permute(0, 2, 3, 1).contiguous()
    return torch.stack([_doubled(rows, dim=2) for rows in _doubled(table, dim=1)])


def _doubled(table: Tensor, dim: int) -> Tensor:
    """Stack `table` with its minima over 2, 4, 8, ... neighbors along `dim`."""
    extent = table.shape[dim]
    position = torch.arange(extent, device=table.device)
    tables = [table]
    while 2 ** len(tables) <= extent:
        neighbor = (position + 2 ** (len(tables) - 1)).clamp(max=extent - 1)
        tables.append(torch.minimum(tables[-1], tables[-1].index_select(dim, neighbor)))
    return torch.stack(tables)


def _pool_level(ranked: Tensor, tables: Tensor, image: Tensor, windows: Tensor, level: tuple[int, int]) -> Tensor:
    """[R, C * rows * columns], (channel, row, column), from the sorted planes `ranked` [N, C, H * W]."""
    *_, images, height, width, channels = tables.shape
    x, y, window_width, window_height = windows.unbind(1)
    top, bottom = _bin_ranges(y, window_height, level[0], height)
    left, right = _bin_ranges(x, window_width, level[1], width)
    a, top, last_top, no_row = _halves(top, bottom, tables.shape[0], height)
    b, left, last_left, no_column = _halves(left, right, tables.shape[1], width)

    def least_rank(y: Tensor, x: Tensor) -> Tensor:  # [R, rows, columns, C]
        table = (a[:, :, None] * tables.shape[1] + b[:, None, :]) * images + image[:, None, None]
        cell = (table * height + y[:, :, None]) * width + x[:, None, :]
        return tables.view(-1, channels)[cell]

    rank = torch.minimum(
        torch.minimum(least_rank(top, left), least_rank(top, last_left)),
        torch.minimum(least_rank(last_top, left), least_rank(last_top, last_left)),
    )
    plane = image[:, None] * channels + torch.arange(channels, device=image.device)
    place = plane[:, None, None, :] * (height * width) + rank
    values = ranked.reshape(-1)[place.permute(0, 3, 1, 2)]
    empty = no_row[:, :, None] | no_column[:, None, :]
    return torch.where(empty[:, None], 0, values).flatten(1)


def _bin_ranges(low: Tensor, extent: Tensor, bins: int, limit: int) -> tuple[Tensor, Tensor]:
    """Begins and ends, [R, bins], of the bins of windows along one axis, clipped to the map (see pyramid.h)."""
    index = torch.arange(bins, device=low.device)
    begin = low[:, None] + (index * extent[:, None]).div(bins, rounding_mode="floor")
    end = low[:, None] + ((index + 1) * extent[:, None] + bins - 1).div(bins, rounding_mode="floor")
    return begin.clamp(0, limit), end.clamp(0, limit)


def _halves(begin: Tensor, end: Tensor, tables: int, limit: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two ranges of 2**exponent cells that together cover [begin, end): exponent, both begins, and what is empty."""
    powers = 2 ** torch.arange(1, tables, device=begin.device)
    exponent = (end - begin)[..., None].ge(powers).sum(-1)
    empty = end <= begin
    return exponent, begin.clamp(max=limit - 1), torch.where(empty, 0, end - 2**exponent), empty
