"""Which windows show which object, and which of them are trained on (paper, section 4.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
from torch import Tensor

from spp_ops.detection.boxes import box_iou


class Matches(NamedTuple):
    """The object that each window shows best."""

    iou: Tensor  # [R] with the object of the largest IoU; 0 where the image has none
    object: Tensor  # [R] int64: its row
    label: Tensor  # [R] int64: its class, counted from 0; -1 where the image has no object


def match_windows(windows: Tensor, boxes: Tensor, labels: Tensor) -> Matches:
    """Find the object that each window overlaps most; the first of equals.

    Args:
        windows: [R, 4].
        boxes: [G, 4], the objects of the image.
        labels: [G] int64, their classes.
    """
    if len(boxes) == 0:
        nothing = torch.zeros(len(windows), dtype=torch.int64, device=windows.device)
        return Matches(torch.zeros(len(windows), device=windows.device), nothing, nothing - 1)
    iou, row = box_iou(windows, boxes).max(dim=1)
    return Matches(iou, row, labels[row])


def without_difficult(sure: Tensor, difficult: Tensor, positive_iou: float) -> Tensor:
    """IoU [R] by which windows are trained on where some objects are marked difficult, by Pascal VOC's rule.

    A difficult object is neither found nor missed (VOC2007 development kit, section 4.4.1): a window that shows one,
    and no other object, is neither positive nor negative, and gets -1, which is in no range. To any other window the
    difficult objects are not there.

    Args:
        sure: [R], largest IoU with an object that is not difficult.
        difficult: [R], largest IoU with a difficult object, or with an object of either kind.
        positive_iou: least IoU of a window that shows an object.
    """
    return torch.where((difficult >= positive_iou) & (sure < positive_iou), -1.0, sure)


def data_hash(images: Iterable[tuple[str, Sequence[npt.NDArray[Any]]]]) -> str:
    """A hash of what is trained on, in its order: tells a run that is resumed from one with other data.

    Args:
        images: a name and arrays (boxes, labels, windows) for each.
    """
    digest = hashlib.sha256()
    for name, arrays in images:
        digest.update(name.encode())
        for array in arrays:
            digest.update(str(array.shape).encode() + array.tobytes())
    return digest.hexdigest()


def draw_windows(
    iou: Tensor,
    count: int,
    positive_share: float,
    negative_range: tuple[float, float],
    generator: torch.Generator,
    positive_iou: float = 0.5,
) -> Tensor:
    """Draw the windows of one image for a batch: rows, positives first.

    Args:
        iou: [R], of `match_windows`.
        count: windows wanted. Where there are too few negatives, there are fewer windows.
        positive_share: at most this share of them is positive.
        negative_range: IoUs [low, high) of negatives.
        generator: of the random numbers, on the CPU.
        positive_iou: least IoU of a positive.
    """
    positives = _draw(iou >= positive_iou, round(count * positive_share), generator)
    low, high = negative_range
    negatives = _draw((iou >= low) & (iou < min(high, positive_iou)), count - len(positives), generator)
    return torch.cat([positives, negatives])


def _draw(wanted: Tensor, count: int, generator: torch.Generator) -> Tensor:
    rows = wanted.nonzero()[:, 0]
    order = torch.randperm(len(rows), generator=generator)[:count].to(rows.device)
    return rows[order]
