"""Boxes: IoU, correction, clipping, non-maximum suppression.

Boxes are [K, 4] x1, y1, x2, y2 in 0-based pixels with the last pixel inside, so that a box of one pixel has x1 = x2 and
an extent of 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spp_ops.detection.nms import batched_nms

LARGEST_GROWTH = math.log(1000 / 16)  # a correction makes no box longer than this factor, whatever a network says


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of each of [K, 4] with each of [L, 4]: [K, L]."""
    from torchvision import ops

    ious: Tensor = ops.box_iou(half_open(boxes), half_open(others))
    return ious


def half_open(boxes: Tensor) -> Tensor:
    """Boxes whose right and bottom are the pixels after the last, as torchvision counts."""
    return boxes + boxes.new_tensor([0.0, 0.0, 1.0, 1.0])


def encode_boxes(windows: Tensor, targets: Tensor) -> Tensor:
    """Corrections that take windows to targets (R-CNN, appendix C): dx/w, dy/h, log dw, log dh.

    Args:
        windows: [K, 4].
        targets: [K, 4], one a window.

    Returns:
        [K, 4].
    """
    center, extent = _center_and_extent(windows)
    wanted_center, wanted_extent = _center_and_extent(targets)
    return torch.cat([(wanted_center - center) / extent, (wanted_extent / extent).log()], dim=-1)


def decode_boxes(windows: Tensor, corrections: Tensor) -> Tensor:
    """Corrected boxes: the inverse of `encode_boxes`.

    Args:
        windows: [..., 4].
        corrections: [..., 4], broadcast against the windows.

    Returns:
        [..., 4].
    """
    center, extent = _center_and_extent(windows)
    center = center + corrections[..., :2] * extent
    extent = extent * corrections[..., 2:].clamp(max=LARGEST_GROWTH).exp()
    low = center - (extent - 1) / 2
    return torch.cat([low, low + extent - 1], dim=-1)


def clip_boxes(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes [..., 4] with all corners moved into an image of this size."""
    limits = boxes.new_tensor([width - 1.0, height - 1.0, width - 1.0, height - 1.0])
    return boxes.clamp(min=0).minimum(limits)


def flip_boxes(boxes: Tensor, width: int) -> Tensor:
    """Boxes [K, 4] of an image of this width in its flipped image."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([width - 1 - x2, y1, width - 1 - x1, y2], dim=-1)


def suppress(boxes: Tensor, scores: Tensor, labels: Tensor, iou: float) -> Tensor:
    """Rows that remain when, class by class, boxes that overlap a better one by more than `iou` go; best first."""
    return batched_nms(half_open(boxes), scores, labels, iou)


def _center_and_extent(boxes: Tensor) -> tuple[Tensor, Tensor]:
    extent = boxes[..., 2:] - boxes[..., :2] + 1
    return boxes[..., :2] + (extent - 1) / 2, extent
