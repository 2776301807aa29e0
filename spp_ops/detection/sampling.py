"""Which windows show which object, and which of them are trained on (paper, section 4.1)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
from torch import Tensor

from spp_ops.detection.boxes import box_iou, clip_boxes, encode_boxes
from spp_ops.engine.config import expect


@dataclass(frozen=True)
class WindowSampling:
    """Many windows of each image, with a share of objects among them (Fast R-CNN, section 2.3).

    Attributes:
        windows_per_image: windows of each image.
        positive_share: at most this share of an image's windows shows an object.
        positive_iou: windows that overlap an object by at least this show it.
        negative_range: windows whose largest IoU is in [low, high) are background. Fast R-CNN's low is 0.1; with
            few images the easy ones are needed too.
        hard_share: of each image's windows this share counts, those with the largest loss (online hard example
            mining; Shrivastava et al., 2016); 1: all of them.
        object_copies: windows made from each object's own box, besides the box itself.
        object_shift: their sides are moved by up to this share of the box's extent.
        proposals_per_image: learned proposals of each image that its windows are drawn from, the likeliest.
        anchors_per_image: anchors of each image that proposals are learned from.
    """

    windows_per_image: int = 512
    positive_share: float = 0.25
    positive_iou: float = 0.5
    negative_range: tuple[float, float] = (0.0, 0.5)
    hard_share: float = 0.125
    object_copies: int = 3
    object_shift: float = 0.15
    proposals_per_image: int = 1000
    anchors_per_image: int = 256

    def __post_init__(self) -> None:
        for name in ("windows_per_image", "proposals_per_image", "anchors_per_image"):
            expect(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("positive_share", "positive_iou", "hard_share"):
            expect(0 < getattr(self, name) <= 1, name, "a number above 0, up to 1", getattr(self, name))
        low, high = self.negative_range
        expect(0 <= low < high <= 1, "negative_range", "two IoUs in order, from 0 to 1", self.negative_range)
        expect(0 <= self.object_shift < 0.5, "object_shift", "a number from 0 to below 0.5", self.object_shift)
        expect(0 <= self.object_copies < math.inf, "object_copies", "0 or more", self.object_copies)


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


class Shown(NamedTuple):
    """The objects of an image, as they are learned."""

    boxes: Tensor  # [G, 4]
    labels: Tensor  # int64 [G], classes from 0
    difficult: Tensor  # [D, 4], objects to be ignored


class Drawn(NamedTuple):
    """Windows of an image to train on."""

    windows: Tensor  # [R, 4]
    labels: Tensor  # int64 [R], 0 for the background
    targets: Tensor  # [R, 4]: the object each shows; for the background the window itself

    @property
    def corrections(self) -> Tensor:
        """[R, 4]: what takes windows to their objects, as of `encode_boxes`; 0 for the background's."""
        return torch.where(self.labels[:, None] > 0, encode_boxes(self.windows, self.targets), 0.0)


def draw_object_windows(
    proposals: Tensor,
    boxes: Tensor,
    labels: Tensor,
    difficult: Tensor,
    size: tuple[int, int],
    config: WindowSampling,
    generator: torch.Generator,
) -> Drawn:
    """Draw from an image's proposals [R, 4], its objects' own boxes and copies of these.

    Args:
        proposals: [R, 4].
        boxes: [G, 4], the objects.
        labels: int64 [G], their classes from 0.
        difficult: [D, 4], objects to be ignored.
        size: height and width of the image.
        config: how to draw.
        generator: of the random numbers.
    """
    copies = shifted_copies(boxes, config, *size, generator)
    return draw_training_windows(torch.cat([boxes, copies, proposals]), boxes, labels, difficult, config, generator)


def draw_training_windows(
    windows: Tensor,
    boxes: Tensor,
    labels: Tensor,
    difficult: Tensor,
    config: WindowSampling,
    generator: torch.Generator,
) -> Drawn:
    """Draw an image's windows; difficult objects count by the rule of `without_difficult`.

    Args:
        windows: [R, 4] to draw from.
        boxes: [G, 4], the objects.
        labels: int64 [G], their classes from 0.
        difficult: [D, 4], objects to be ignored.
        config: how to draw.
        generator: of the random numbers.
    """
    matches = match_windows(windows, boxes, labels)
    on_difficult = match_windows(windows, difficult, labels.new_zeros(len(difficult))).iou
    iou = without_difficult(matches.iou, on_difficult, config.positive_iou)
    chosen = draw_windows(
        iou, config.windows_per_image, config.positive_share, config.negative_range, generator, config.positive_iou
    )
    positive = iou[chosen] >= config.positive_iou
    drawn = windows[chosen]
    targets = torch.where(positive[:, None], boxes[matches.object[chosen]], drawn) if len(boxes) else drawn
    return Drawn(drawn, torch.where(positive, matches.label[chosen] + 1, 0), targets)


def shifted_copies(
    boxes: Tensor, config: WindowSampling, height: int, width: int, generator: torch.Generator
) -> Tensor:
    """Windows [G * copies, 4] around objects [G, 4] of an image of this size, each side moved by itself."""
    copies = boxes.repeat(config.object_copies, 1)
    extent = (copies[:, 2:] - copies[:, :2] + 1).repeat(1, 2)
    shift = (2 * torch.rand(copies.shape, generator=generator) - 1) * config.object_shift
    moved = clip_boxes(copies + shift * extent, height, width)
    return torch.cat([moved[:, :2], moved[:, 2:].maximum(moved[:, :2])], dim=1)
