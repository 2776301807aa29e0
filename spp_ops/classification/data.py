"""Training images, epoch by epoch.

Everything random about an epoch follows from (seed, epoch), and about an image in it from (seed, epoch, row): not from
what was drawn before, nor from the number of worker or training processes. So a resumed run sees what an uninterrupted
one would, and several processes together see what one would.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from spp_ops.classification.augmentation import training_transform
from spp_ops.classification.config import TrainingConfig
from spp_ops.datasets.image import load_image
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.engine.seeds import Purpose, seed_of


class TrainingImages(Dataset[tuple[Tensor, int]]):
    """Augmented images (uint8 [3, size, size]) and their classes, of the epoch that `begin_epoch` chose."""

    def __init__(self, images: LabeledImages, config: TrainingConfig) -> None:
        self._images = images
        self._config = config
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int) -> None:
        """Take the size and the random numbers of this epoch."""
        self._epoch = epoch
        self._transform = training_transform(epoch_size(self._config, epoch), self._config.color_shift)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        pixels = torch.from_numpy(load_image(self._images.paths[row])).permute(2, 0, 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self._config.seed, Purpose.CLASSIFIER_IMAGE, self._epoch, row))
            return self._transform(pixels), self._images.labels[row]


def epoch_size(config: TrainingConfig, epoch: int) -> int:
    """Return the side of an epoch's inputs in pixels: whole epochs share a size (paper, section 3.1.2)."""
    if config.size_rule == "alternate":
        return config.sizes[epoch % len(config.sizes)]
    low, high = config.sizes
    generator = torch.Generator().manual_seed(seed_of(config.seed, Purpose.CLASSIFIER_SIZE, epoch))
    return int(torch.randint(low, high + 1, (), generator=generator))
