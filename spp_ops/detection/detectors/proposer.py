"""Windows that a detector proposes by itself, from the maps it pools from (Faster R-CNN, section 3.1).

At each cell of the last map lie anchors, boxes of a few sizes and shapes. A few convolutions say of each how likely it
holds an object, and how it must be corrected to fit it. Anchors, assignment, sampling and losses are torchvision's.

Inside this file boxes are as torchvision has them: pixels of the resized image, x2 and y2 the pixels after the last
(`resized_boxes`, `image_windows`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spp_ops.detection.boxes import box_iou, clip_boxes, half_open
from spp_ops.detection.nms import load_kernel
from spp_ops.engine.config import expect
from spp_ops.receptive_field import ReceptiveField

_POSITIVE_IOU, _NEGATIVE_IOU = 0.7, 0.3  # of anchors with objects, as in Faster R-CNN
_POSITIVE_SHARE = 0.5  # of the anchors that are learned from, at most


@dataclass(frozen=True)
class ProposerConfig:
    """How windows are learned to be proposed.

    Attributes:
        sizes: of the anchors: square roots of their areas, in pixels of the resized image.
        ratios: of the anchors: height over width.
        width: channels of the convolutions between the map and the anchors.
        candidates: likeliest anchors of each map, before any suppresses another.
        nms_iou: of two windows that overlap by more than this, the likelier one stays.
    """

    sizes: tuple[float, ...]
    ratios: tuple[float, ...]
    width: int = 128
    candidates: int = 6000
    nms_iou: float = 0.7

    def __post_init__(self) -> None:
        for name in ("sizes", "ratios"):
            values = getattr(self, name)
            numbers = all(isinstance(value, float | int) and 0 < value < math.inf for value in values)
            expect(len(values) > 0 and numbers, name, "one or more positive numbers", values)
        for name in ("width", "candidates"):
            value = getattr(self, name)
            expect(isinstance(value, int) and value >= 1, name, "a whole number of at least 1", value)
        expect(0 < self.nms_iou <= 1, "nms_iou", "a number above 0, up to 1", self.nms_iou)


class Anchored(NamedTuple):
    """What the convolutions say of the A anchors of one map."""

    logits: Tensor  # [A] float32: of the probability that there is an object
    corrections: Tensor  # [A, 4] float32, in torchvision's units
    anchors: Tensor  # [A, 4] float32, in pixels of the resized image, half-open


class ProposalLosses(NamedTuple):
    """Of one image: means over the anchors that are learned from."""

    objectness: Tensor
    boxes: Tensor


class RegionProposer(nn.Module):
    """Maps -> windows that may hold an object.

    Attributes:
        config: as given.
        map_scale: what maps are multiplied by first, so that the learning rate need not follow from their size.

    Args:
        channels: of the maps.
        config: anchors, and how many windows.
    """

    map_scale: Tensor

    def __init__(self, channels: int, config: ProposerConfig) -> None:
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead

        super().__init__()
        self.config = config
        self.register_buffer("map_scale", torch.ones(()))
        self.reduce = nn.Conv2d(channels, config.width, 1)
        nn.init.kaiming_normal_(self.reduce.weight, nonlinearity="relu")
        anchors = AnchorGenerator((tuple(config.sizes),), (tuple(config.ratios),))
        count = len(config.sizes) * len(config.ratios)
        kept = dict.fromkeys(("training", "testing"), config.candidates)
        self.network = RegionProposalNetwork(
            anchors,
            RPNHead(config.width, count),
            _POSITIVE_IOU,
            _NEGATIVE_IOU,
            batch_size_per_image=256,
            positive_fraction=_POSITIVE_SHARE,
            pre_nms_top_n=kept,
            post_nms_top_n=kept,
            nms_thresh=config.nms_iou,
        )

    def forward(self, features: Tensor, field: ReceptiveField) -> Anchored:
        """One map [1, C, h, w], whose cells see `field` of the resized image, -> what is said of its anchors."""
        scaled = F.relu(self.reduce(features * self.map_scale.to(features.dtype)))
        (logits,), (corrections,) = self.network.head([scaled])
        height, width = features.shape[-2:]
        return Anchored(
            logits[0].permute(1, 2, 0).flatten().float(),
            corrections[0].unflatten(0, (-1, 4)).permute(2, 3, 0, 1).reshape(-1, 4).float(),
            self._anchors(height, width, field, features.device),
        )

    def _anchors(self, height: int, width: int, field: ReceptiveField, device: torch.device) -> Tensor:
        """Anchors [A, 4] around the centers of what the cells see, row by row."""
        generator = self.network.anchor_generator
        generator.set_cell_anchors(torch.float32, device)
        (anchors,) = generator.grid_anchors([(height, width)], [(field.stride[1], field.stride[0])])
        center = torch.tensor(field.center, dtype=torch.float32, device=device) + 0.5  # a pixel's center is in it
        placed: Tensor = anchors + center.repeat(2)
        return placed

    def losses(
        self, found: Anchored, objects: Tensor, difficult: Tensor, generator: torch.Generator, count: int
    ) -> ProposalLosses:
        """What one image teaches.

        Args:
            found: of its map.
            objects: [G, 4] half-open boxes in pixels of the resized image.
            difficult: [D, 4] likewise: anchors on these are no background.
            generator: of the random numbers, on the CPU.
            count: anchors that are learned from.
        """
        network = self.network
        labels, matched = network.assign_targets_to_anchors([found.anchors], [{"boxes": objects}])
        label = labels[0]
        if len(difficult):
            on_difficult = box_iou(found.anchors, difficult).amax(dim=1) >= _NEGATIVE_IOU
            label = torch.where(on_difficult & (label == 0), -1.0, label)
        targets = network.box_coder.encode(matched, [found.anchors])
        sampler = network.fg_bg_sampler
        sampler.batch_size_per_image = count
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            objectness, boxes = network.compute_loss(found.logits, found.corrections, [label], targets)
        return ProposalLosses(objectness, boxes)

    def candidates(self, found: Anchored, most: int) -> tuple[Tensor, Tensor]:
        """The likeliest corrected anchors of a map, half-open in pixels of the resized image, and their logits."""
        logits, rows = found.logits.topk(min(most, len(found.logits)))
        boxes = self.network.box_coder.decode_single(found.corrections[rows], found.anchors[rows])
        return boxes, logits


def resized_boxes(boxes: Tensor, image_scale: tuple[float, float]) -> Tensor:
    """Boxes [K, 4] of an image, last pixels included, as half-open ones of the resized image."""
    return half_open(boxes) * boxes.new_tensor(image_scale * 2)


def image_windows(boxes: Tensor, image_scale: tuple[float, float], height: int, width: int) -> Tensor:
    """Half-open boxes [K, 4] of the resized image as windows inside the image, last pixels included."""
    x, y = image_scale
    low, high = (boxes / boxes.new_tensor((x, y, x, y))).split(2, dim=1)
    low, high = (clip_boxes(torch.cat([corner, corner], dim=1), height, width)[:, :2] for corner in (low, high - 1))
    return torch.cat([low, high.maximum(low)], dim=1)


def propose(
    proposer: RegionProposer,
    maps: Sequence[Tensor],
    image_scales: Sequence[tuple[float, float]],
    field: ReceptiveField,
    size: tuple[int, int],
    limit: int | None,
) -> tuple[Tensor, Tensor]:
    """Maps of one image at one or several scales -> windows [P, 4] in its pixels and their logits [P], likeliest first.

    Args:
        proposer: of the maps.
        maps: [1, C, h, w] each.
        image_scales: size (x, y) of each resized image relative to the original.
        field: what a cell sees of a resized image.
        size: height and width of the original.
        limit: at most so many windows; None: all that no other suppresses.
    """
    found = [proposer(each, field) for each in maps]
    return windows_of(proposer, found, image_scales, size, limit)


def windows_of(
    proposer: RegionProposer,
    found: Sequence[Anchored],
    image_scales: Sequence[tuple[float, float]],
    size: tuple[int, int],
    limit: int | None,
    candidates: int | None = None,
) -> tuple[Tensor, Tensor]:
    """As `propose`, from what the proposer says of each map; `candidates` may be others than its own."""
    load_kernel()
    parts, logits = [], []
    for each, image_scale in zip(found, image_scales, strict=True):
        boxes, likely = proposer.candidates(each, candidates or proposer.config.candidates)
        windows, likely = _apart(image_windows(boxes, image_scale, *size), likely, proposer.config.nms_iou, limit)
        parts.append(windows)
        logits.append(likely)
    if len(parts) == 1:
        return parts[0], logits[0]
    return _apart(torch.cat(parts), torch.cat(logits), proposer.config.nms_iou, limit)


def _apart(windows: Tensor, scores: Tensor, iou: float, limit: int | None) -> tuple[Tensor, Tensor]:
    """The best windows, of which none overlaps a better one by more than this."""
    kept: Tensor = torch.ops.torchvision.nms(half_open(windows), scores, iou)
    kept = kept[:limit]
    return windows[kept], scores[kept]
