"""Training images with the windows drawn from them.

Everything random about an epoch follows from (seed, epoch), and about an image in it from (seed, epoch, row): not from
what was drawn before, nor from the number of worker or training processes.
"""

from __future__ import annotations

import math
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
from spp_ops.detection.sampling import Drawn, Shown, draw_object_windows
from spp_ops.engine.seeds import Purpose, seed_of

KEPT_BYTES = 2**30  # of decoded images
_NOTHING = Drawn(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4))


class Sample(NamedTuple):
    """One image of a step."""

    pixels: Tensor  # uint8 [H, W, 3], RGB
    scale: int  # which of the scales it is resized to
    windows: Tensor  # float32 [R, 4] x1, y1, x2, y2 in pixels
    labels: Tensor  # int64 [R]: 0 for the background, else the class + 1
    targets: Tensor  # float32 [R, 4]: corrections that take windows to their objects; 0 for the background's
    shown: Shown | None = None  # where windows are learned: they are drawn in the step, and there are none yet
    seed: int = 0  # of what is drawn in the step


class TrainingSamples(Dataset[Sample]):
    """Images of an epoch, each with its windows of that epoch.

    Args:
        images: what is trained on.
        windows: proposals [R, 4] of each image; None: the network proposes them in the step.
        config: how windows are drawn.
        longest: side of a resized image.
    """

    def __init__(
        self, images: DetectionImages, windows: Sequence[Boxes] | None, config: JointConfig, longest: int = 4000
    ) -> None:
        self._images = images
        self._windows = windows
        self._config = config
        self._longest = longest
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
        height, width, _ = pixels.shape
        shown = self._shown(row, min(config.scales[scale] / min(height, width), self._longest / max(height, width)))
        drawn = _NOTHING
        if self._windows is not None:
            proposals = torch.from_numpy(self._windows[row])
            drawn = draw_object_windows(proposals, *shown, (height, width), config, generator)
        if flipped:
            pixels = pixels.flip(1)
            drawn = Drawn(flip_boxes(drawn.windows, width), drawn.labels, flip_boxes(drawn.targets, width))
            shown = Shown(flip_boxes(shown.boxes, width), shown.labels, flip_boxes(shown.difficult, width))
        if config.color_shift > 0:
            pixels = _other_colors(pixels, config.color_shift, seed)
        later = None if self._windows is not None else shown
        return Sample(pixels, scale, drawn.windows, drawn.labels, drawn.corrections, later, seed)

    def _load(self, row: int) -> Pixels:
        """Decode an image, the first time; where memory for them is used up, each time."""
        if row in self._kept:
            return self._kept[row]
        pixels = load_image(self._images.paths[row])
        if pixels.nbytes <= self._room:
            self._kept[row] = pixels
            self._room -= pixels.nbytes
        return pixels

    def _shown(self, row: int, image_scale: float) -> Shown:
        """The objects of an image that is resized by this factor."""
        objects = self._images.objects[row]
        boxes, labels = torch.from_numpy(objects.boxes), torch.from_numpy(objects.labels)
        smallest, largest = self._config.object_sizes or (0.0, math.inf)
        sizes = (boxes[:, 2:] - boxes[:, :2] + 1).prod(dim=1).sqrt() * image_scale
        sure = torch.from_numpy(~objects.difficult) & (sizes >= smallest) & (sizes <= largest)
        return Shown(boxes[sure], labels[sure], boxes[~sure])


def _other_colors(pixels: Tensor, strength: float, seed: int) -> Tensor:
    from torchvision.transforms import v2

    jitter = v2.ColorJitter(strength, strength, strength, min(strength / 10, 0.5))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shifted: Tensor = jitter(pixels.permute(2, 0, 1))
    return shifted.permute(1, 2, 0).contiguous()
