"""From rows of boxes to windows of cells, in tensors: the twin of csrc/kernels/window.h and roi.h.

Operation for operation the same arithmetic in the same precision (float32 for boxes of up to 32 bits, else float64), so
that windows agree with the kernels' bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from spp_ops._core.limits import LIMITS
from spp_ops.projection import AxisRule, CornerRule, Fit, Projection, RoundOp

FAR = float(LIMITS.shift)  # cells; outside any map, and small enough for bin arithmetic in 64 bits


class Placements(NamedTuple):
    """Where each row of boxes is pooled from."""

    map: Tensor  # [R] int64; -1 for a bad row: NaN, inf, an image or a map that is not there
    image: Tensor  # [R] int64
    windows: Tensor  # [R, 4] int64: x, y, width, height in cells, before bins are clipped to the map


def widest_float(device: torch.device) -> torch.dtype:
    """float64, which MPS does not have."""
    return torch.float32 if device.type == "mps" else torch.float64


def place_boxes(
    rois: Tensor,
    sizes: Sequence[tuple[int, int]],
    projections: Sequence[Projection],
    images: int,
    map_index: Tensor | None = None,
    target_area: float = 0.0,
) -> Placements:
    """Choose map and image of every row of `rois` [R, 5] and project its box; `sizes` are the maps' (height, width).

    Needs no synchronization with the device.
    """
    rows = rois if rois.dtype == torch.float64 else rois.float()
    image = rows[:, 0]
    good = rows.isfinite().all(dim=1) & (image >= 0) & (image < images) & (image == image.trunc())
    if map_index is not None:
        chosen = map_index.long()
        good = good & (chosen >= 0) & (chosen < len(sizes))
    rows = torch.where(good[:, None], rows, 0)
    boxes = rows[:, 1:]
    chosen = _nearest_map(boxes, projections, target_area) if map_index is None else torch.where(good, chosen, 0)
    windows = torch.stack([_project_windows(boxes, *each) for each in zip(projections, sizes, strict=True)])
    windows = windows.gather(0, chosen[None, :, None].expand(1, -1, 4))[0]
    return Placements(torch.where(good, chosen, -1), rows[:, 0].long(), windows)


def _nearest_map(boxes: Tensor, projections: Sequence[Projection], target_area: float) -> Tensor:
    """Index of the map at whose image scale a box has the area nearest to `target_area`; the first of equals."""
    # Where that is float32, two maps that are nearly equally near may be told apart differently.
    boxes = boxes.to(widest_float(boxes.device))
    width = (boxes[:, 2] - boxes[:, 0] + 1).clamp(min=0)
    height = (boxes[:, 3] - boxes[:, 1] + 1).clamp(min=0)
    nearest = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    least = torch.full_like(width, float("inf"))
    for m, rule in enumerate(projections):
        distance = ((width * rule.x.image_scale) * (height * rule.y.image_scale) - target_area).abs()
        nearest = torch.where(distance < least, m, nearest)
        least = torch.minimum(distance, least)
    return nearest


def _project_windows(boxes: Tensor, rule: Projection, size: tuple[int, int]) -> Tensor:
    height, width = size
    x, right = _fit(rule.fit, width, *_project(boxes[:, 0], boxes[:, 2], rule.x))
    y, bottom = _fit(rule.fit, height, *_project(boxes[:, 1], boxes[:, 3], rule.y))
    return torch.stack([x, y, right - x, bottom - y], dim=1)


def _project(low: Tensor, high: Tensor, axis: AxisRule) -> tuple[Tensor, Tensor]:
    return _project_corner(low, axis, axis.low), _project_corner(high, axis, axis.high)


def _project_corner(position: Tensor, axis: AxisRule, corner: CornerRule) -> Tensor:
    def number(value: float) -> Tensor:  # on the device: dividing by a number of the host multiplies by its reciprocal
        return torch.full_like(position, value)

    cells = (position * number(axis.image_scale) + number(corner.offset)) / number(axis.stride)
    match corner.round_op:
        case RoundOp.FLOOR:
            rounded = cells.floor()
        case RoundOp.CEIL:
            rounded = cells.ceil()
        case RoundOp.NEAREST:
            whole = cells.trunc()
            rounded = whole + torch.where((cells - whole).abs() >= 0.5, cells.sign(), 0)
    return rounded.clamp(-FAR, FAR).long() + corner.shift


def _fit(fit: Fit, limit: int, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """First cell and the cell after the last; `limit` cells are in the map."""
    if fit == Fit.AS_IS:
        return low, torch.maximum(high, low)
    if fit == Fit.ONE_CELL:
        return low, torch.maximum(high, low + 1)
    last = high - 1
    middle = (low + last).div(2, rounding_mode="floor")
    reversed_ = last < low
    low, last = torch.where(reversed_, middle, low), torch.where(reversed_, middle, last)
    return low.clamp(0, limit - 1), last.clamp(0, limit - 1) + 1
