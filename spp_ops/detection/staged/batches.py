"""Which windows a batch of fine-tuning consists of: known from its number and the seed alone."""

from __future__ import annotations

import torch
from torch import Tensor

from spp_ops.detection.sampling import draw_windows
from spp_ops.detection.staged.config import FineTuning
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.detection.staged.sources import RowSource
from spp_ops.engine.seeds import seed_of

_ORDER, _WINDOWS = 11, 12  # what a seed is for


class Batches:
    """Batches of windows with their labels; a few images give a batch's windows.

    All images are used once before one is used again.

    Args:
        source: of the rows.
        images: the images of `source`.
        config: how windows are drawn.
        seed: of the order and the draws.
    """

    def __init__(self, source: RowSource, images: list[TrainingSample], config: FineTuning, seed: int) -> None:
        self._source = source
        self._images = images
        self._config = config
        self._seed = seed

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Rows [R, D] and labels int64 [R], 0 for the background, of the batch of this number."""
        generator = torch.Generator().manual_seed(seed_of(self._seed, _WINDOWS, step))
        count = self._config.batch_images
        rows, labels = [], []
        for place in range(step * count, (step + 1) * count):
            image = self._image_at(place)
            chosen, label = self._draw(self._images[image], generator)
            rows.append(self._source.rows(image, self._images[image].windows[chosen]))
            labels.append(label)
        return torch.cat(rows), torch.cat(labels)

    def _image_at(self, place: int) -> int:
        round_, offset = divmod(place, len(self._images))
        generator = torch.Generator().manual_seed(seed_of(self._seed, _ORDER, round_))
        return int(torch.randperm(len(self._images), generator=generator)[offset])

    def _draw(self, image: TrainingSample, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        config = self._config
        sure, label = image.sure_ious.max(dim=1)
        nearest = image.ious.amax(dim=1)
        # A window on a difficult object is neither positive nor negative: -1 is in no range.
        unsure = (nearest >= config.positive_iou) & (sure < config.positive_iou)
        iou = torch.where(unsure, -1.0, torch.where(sure >= config.positive_iou, sure, nearest))
        share = config.batch_windows // config.batch_images
        chosen = draw_windows(iou, share, config.positive_share, config.negative_range, generator, config.positive_iou)
        return chosen, torch.where(iou[chosen] >= config.positive_iou, label[chosen] + 1, 0)
