"""The operator in plain PyTorch: its definition, and what the kernels are tested against.

A loop over windows, levels and bins that takes the first maximum of each bin; autograd alone differentiates it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spp_ops._core import autograd, checks
from spp_ops._core.checks import Levels
from spp_ops._core.geometry import place_boxes
from spp_ops.projection import Projections, as_projections


def roi_spatial_pyramid_pool(
    features: Tensor | Sequence[Tensor],
    rois: Tensor | Sequence[Tensor],
    levels: int | Levels = (6, 3, 2, 1),
    projection: Projections = 1.0,
    *,
    map_index: Tensor | None = None,
    target_area: float = 224.0**2,
    out: Tensor | None = None,
) -> Tensor:
    """`spp_ops.roi_spatial_pyramid_pool` in plain PyTorch: same arguments, results and gradients.

    Reads the boxes back from the device, so that bad rows raise a ValueError on every device.
    """
    maps = checks.maps(features)
    pairs = checks.level_pairs(levels)
    boxes = checks.boxes(rois, maps[0])
    chosen = checks.chosen_maps(map_index, boxes)
    sizes = [(each.shape[2], each.shape[3]) for each in maps]
    rules = as_projections(projection, len(maps))
    images = maps[0].shape[0]
    area = checks.positive("target_area", target_area)
    placements = place_boxes(boxes, sizes, rules, images=images, map_index=chosen, target_area=area)
    _refuse_bad_rows(placements.map, boxes, chosen, images, len(maps))
    rows = [
        pool_window(maps[m][image], window, pairs)
        for m, image, window in zip(*(each.tolist() for each in placements), strict=True)
    ]
    pooled = _stack(rows, maps[0], pairs)
    if out is None:
        return pooled
    checks.output(out, maps[0], maps[0].dtype, *pooled.shape)
    autograd.refuse_derivatives(maps, out)
    return out.copy_(pooled)


def spatial_pyramid_pool(features: Tensor, levels: int | Levels = (6, 3, 2, 1)) -> Tensor:
    """`spp_ops.spatial_pyramid_pool` in plain PyTorch: the window of every image is its whole map."""
    features = checks.one_map(features)
    pairs = checks.level_pairs(levels)
    height, width = features.shape[2:]
    return _stack([pool_window(image, (0, 0, width, height), pairs) for image in features], features, pairs)


def pool_window(features: Tensor, window: Sequence[int], levels: Sequence[tuple[int, int]]) -> Tensor:
    """Pool one window (x, y, width, height) of one image's features [C, H, W] to [C * M].

    Levels follow in the order given, each (channel, row, column).
    """
    x, y, width, height = window
    pooled = []
    for rows, columns in levels:
        bins = [
            first_maximum(features[:, top:bottom, left:right])
            for top, bottom in bin_ranges(y, height, rows, features.shape[1])
            for left, right in bin_ranges(x, width, columns, features.shape[2])
        ]
        pooled.append(torch.stack(bins, dim=1).flatten())
    return torch.cat(pooled)


def bin_ranges(low: int, extent: int, bins: int, limit: int) -> list[tuple[int, int]]:
    """The half-open ranges of cells of all bins over `extent` cells from `low`, clipped to the map's `limit` cells.

    Bin i of n covers floor(i * extent / n) up to ceil((i + 1) * extent / n) (paper, section 2.2).
    """
    ranges = [(low + i * extent // bins, low - (i + 1) * extent // -bins) for i in range(bins)]
    return [(min(max(begin, 0), limit), min(max(end, 0), limit)) for begin, end in ranges]


def first_maximum(cells: Tensor) -> Tensor:
    """The maximum of each channel of cells [C, height, width], taken from its first place in row-major order.

    A NaN is greater than every number; of no cells at all it is 0.
    """
    if cells.shape[1:].numel() == 0:
        return cells.sum(dim=(1, 2))  # zeros that autograd can trace
    cells = cells.flatten(1)
    return cells.take_along_dim(cells.argmax(dim=1, keepdim=True), dim=1).squeeze(1)


def _stack(rows: list[Tensor], features: Tensor, levels: list[tuple[int, int]]) -> Tensor:
    if rows:
        return torch.stack(rows)
    columns = features.shape[1] * sum(rows * columns for rows, columns in levels)
    return features.flatten()[:0].reshape(0, columns)  # part of the features, so that it has a gradient


def _refuse_bad_rows(placed: Tensor, rois: Tensor, map_index: Tensor | None, images: int, maps: int) -> None:
    bad = (placed < 0).nonzero()
    if len(bad) == 0:
        return
    row = int(bad[0])
    numbers = rois[row]
    text = f"rois: row {row} is ({', '.join(f'{number:g}' for number in numbers.tolist())}), expected "
    if not numbers.isfinite().all():
        raise ValueError(text + "finite numbers")
    if map_index is not None and not 0 <= map_index[row] < maps:
        raise ValueError(f"map_index: row {row} is {int(map_index[row])}, expected a map from 0 to {maps - 1}")
    if images == 0:
        raise ValueError(text + "no rows, as features hold no image")
    raise ValueError(text + f"a whole image index from 0 to {images - 1}")
