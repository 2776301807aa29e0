"""Training images with the windows drawn from them.

Everything random about an epoch follows from (seed, epoch), and about an image in it from (seed, epoch, row): not from
what was drawn before, nor from the number of worker or training processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.image import Pixels, load_image
from spp_ops.detection.boxes import clip_boxes, encode_boxes, flip_boxes
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.proposals import Boxes
from spp_ops.detection.sampling import draw_windows, match_windows, without_difficult
from spp_ops.engine.seeds import Purpose, seed_of

KEPT_BYTES = 2**30  # of decoded images


class Sample(NamedTuple):
    """One image of a step."""

    pixels: Tensor  # uint8 [H, W, 3], RGB
    scale: int  # which of the scales it is resized to
    windows: Tensor  # float32 [R, 4] x1, y1, x2, y2 in pixels
    labels: Tensor  # int64 [R]: 0 for the background, else the class + 1
    targets: Tensor  # float32 [R, 4]: corrections that take windows to their objects; 0 for the background's


class TrainingSamples(Dataset[Sample]):
    """Images of an epoch, each with its windows of that epoch.

    Args:
        images: what is trained on.
        windows: proposals [R, 4] of each image.
        config: how windows are drawn.
    """

    def __init__(self, images: DetectionImages, windows: Sequence[Boxes], config: JointConfig) -> None:
        self._images = images
        self._windows = windows
        self._config = config
        self._kept: dict[int, Pixels] = {}
        self._room = KEPT_BYTES
        self._epoch = 0

    def begin_epoch(self, epoch: int) -> None:
        """Take the random numbers of this epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: int) -> Sample:
        config = self._config
        seed = seed_of(config.seed, Purpose.JOINT_IMAGE, self._epoch, row)
        generator = torch.Generator().manual_seed(seed)
        scale = int(torch.randint(len(config.scales), (), generator=generator))
        flipped = config.flip and bool(torch.rand((), generator=generator) < 0.5)
        pixels = torch.from_numpy(self._load(row))
        drawn = self._draw(row, pixels.shape[0], pixels.shape[1], generator)
        windows, targets = drawn.windows, drawn.targets
        if flipped:
            pixels = pixels.flip(1)
            windows, targets = (flip_boxes(boxes, pixels.shape[1]) for boxes in (windows, targets))
        if config.color_shift > 0:
            pixels = _other_colors(pixels, config.color_shift, seed)
        corrections = torch.where(drawn.labels[:, None] > 0, encode_boxes(windows, targets), 0.0)
        return Sample(pixels, scale, windows, drawn.labels, corrections)

    def _load(self, row: int) -> Pixels:
        """Decode an image, the first time; where memory for them is used up, each time."""
        if row in self._kept:
            return self._kept[row]
        pixels = load_image(self._images.paths[row])
        if pixels.nbytes <= self._room:
            self._kept[row] = pixels
            self._room -= pixels.nbytes
        return pixels

    def _draw(self, row: int, height: int, width: int, generator: torch.Generator) -> Drawn:
        objects = self._images.objects[row]
        boxes, labels = torch.from_numpy(objects.boxes), torch.from_numpy(objects.labels)
        sure = torch.from_numpy(~objects.difficult)
        proposals = torch.from_numpy(self._windows[row])
        copies = shifted_copies(boxes[sure], self._config, height, width, generator)
        windows = torch.cat([boxes[sure], copies, proposals])
        return draw_training_windows(windows, boxes[sure], labels[sure], boxes[~sure], self._config, generator)


class Drawn(NamedTuple):
    """Windows of an image to train on."""

    windows: Tensor  # [R, 4]
    labels: Tensor  # int64 [R], 0 for the background
    targets: Tensor  # [R, 4]: the object each shows; for the background the window itself


def draw_training_windows(
    windows: Tensor,
    boxes: Tensor,
    labels: Tensor,
    difficult: Tensor,
    config: JointConfig,
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


def shifted_copies(boxes: Tensor, config: JointConfig, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Windows [G * copies, 4] around objects [G, 4] of an image of this size, each side moved by itself."""
    copies = boxes.repeat(config.object_copies, 1)
    extent = (copies[:, 2:] - copies[:, :2] + 1).repeat(1, 2)
    shift = (2 * torch.rand(copies.shape, generator=generator) - 1) * config.object_shift
    moved = clip_boxes(copies + shift * extent, height, width)
    return torch.cat([moved[:, :2], moved[:, 2:].maximum(moved[:, :2])], dim=1)


def _other_colors(pixels: Tensor, strength: float, seed: int) -> Tensor:
    from torchvision.transforms import v2

    jitter = v2.ColorJitter(strength, strength, strength, min(strength / 10, 0.5))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shifted: Tensor = jitter(pixels.permute(2, 0, 1))
    return shifted.permute(1, 2, 0).contiguous()
