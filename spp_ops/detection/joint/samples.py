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
from spp_ops.detection.boxes import flip_boxes
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.proposals import Boxes
from spp_ops.detection.sampling import Drawn, draw_object_windows
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
        if flipped:
            pixels = pixels.flip(1)
            windows, targets = (flip_boxes(boxes, pixels.shape[1]) for boxes in (drawn.windows, drawn.targets))
            drawn = Drawn(windows, drawn.labels, targets)
        if config.color_shift > 0:
            pixels = _other_colors(pixels, config.color_shift, seed)
        return Sample(pixels, scale, drawn.windows, drawn.labels, drawn.corrections)

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
        sure = torch.from_numpy(~objects.difficult)
        boxes, labels = torch.from_numpy(objects.boxes), torch.from_numpy(objects.labels)
        proposals = torch.from_numpy(self._windows[row])
        size = height, width
        return draw_object_windows(proposals, boxes[sure], labels[sure], boxes[~sure], size, self._config, generator)


def _other_colors(pixels: Tensor, strength: float, seed: int) -> Tensor:
    from torchvision.transforms import v2

    jitter = v2.ColorJitter(strength, strength, strength, min(strength / 10, 0.5))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shifted: Tensor = jitter(pixels.permute(2, 0, 1))
    return shifted.permute(1, 2, 0).contiguous()
