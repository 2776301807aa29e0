"""The operator in plain PyTorch: its definition, and what the kernels are tested against.

A loop over windows, levels and bins that takes the first maximum of each bin; autograd alone differentiates it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spp_ops._geometry import place_boxes
from spp_ops.projection import Projections, as_projections

Levels = Sequence[int | tuple[int, int]]


def roi_spatial_pyramid_pool(
    features: Tensor | Sequence[Tensor],
    rois: Tensor | Sequence[Tensor],
    levels: Levels = (6, 3, 2, 1),
    projection: Projections = 1.0,
    *,
    map_index: Tensor | None = None,
    target_area: float = 224.0**2,
    out: Tensor | None = None,
) -> Tensor:
    """`spp_ops.roi_spatial_pyramid_pool` in plain PyTorch: same arguments, results and gradients.

    Reads the boxes back from the device, so that bad rows raise a ValueError on every device.
    """
    maps = [features] if isinstance(features, Tensor) else list(features)
    rois = rois if isinstance(rois, Tensor) else _with_image_index(rois)
    pairs = _pairs(levels)
    sizes = [(each.shape[2], each.shape[3]) for each in maps]
    projections = as_projections(projection, len(maps))
    placements = place_boxes(rois, sizes, projections, maps[0].shape[0], map_index, target_area)
    _refuse_bad_rows(rois, placements.map)
    rows = [
        pool_window(maps[m][image], window, pairs)
        for m, image, window in zip(*(each.tolist() for each in placements), strict=True)
    ]
    return _stack_rows(rows, maps[0], pairs, out)


def spatial_pyramid_pool(features: Tensor, levels: Levels = (6, 3, 2, 1)) -> Tensor:
    """`spp_ops.spatial_pyramid_pool` in plain PyTorch: the window of every image is its whole map."""
    height, width = features.shape[2:]
    pairs = _pairs(levels)
    return _stack_rows([pool_window(image, (0, 0, width, height), pairs) for image in features], features, pairs)


def pool_window(features: Tensor, window: Sequence[int], levels: Sequence[tuple[int, int]]) -> Tensor:
    """Pools one window (x, y, width, height) of one image's features [C, H, W] to [C * M].

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


def _stack_rows(
    rows: list[Tensor], features: Tensor, levels: list[tuple[int, int]], out: Tensor | None = None
) -> Tensor:
    if not rows:  # an empty slice of the features, so that gradients exist here too
        rows_wide = features.shape[1] * sum(rows * columns for rows, columns in levels)
        pooled = features.flatten()[:0].reshape(0, rows_wide)
    else:
        pooled = torch.stack(rows)
    return pooled if out is None else out.copy_(pooled)


def _pairs(levels: Levels) -> list[tuple[int, int]]:
    return [level if isinstance(level, tuple) else (level, level) for level in levels]


def _with_image_index(rois: Sequence[Tensor]) -> Tensor:
    """[R, 5] from one [R_i, 4] for each image, in at least float32: 16 bits do not hold every image index."""
    wide = torch.promote_types(rois[0].dtype, torch.float32)
    boxes = torch.cat(list(rois)).to(wide)
    counts = torch.tensor([len(each) for each in rois], device=boxes.device)
    image = torch.arange(len(rois), device=boxes.device).repeat_interleave(counts)
    return torch.cat([image.to(wide)[:, None], boxes], dim=1)


def _refuse_bad_rows(rois: Tensor, chosen_map: Tensor) -> None:
    bad = (chosen_map < 0).nonzero()
    if len(bad):
        row = int(bad[0])
        raise ValueError(f"rois: row {row} is {rois[row].tolist()}")
