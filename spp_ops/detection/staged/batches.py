"""Which windows a batch of fine-tuning consists of: known from its number and the seed alone."""

from __future__ import annotations

import torch
from torch import Tensor

from spp_ops.detection.sampling import draw_windows, without_difficult
from spp_ops.detection.staged.config import FineTuning
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.detection.staged.sources import RowSource
from spp_ops.engine.seeds import Purpose, seed_of


class Batches:
    """Batches of windows with their labels; a few images give a batch's windows.

    All images are used once before one is used again. Row `step` of the data is the batch of that number: rows [R, D]
    and labels int64 [R], 0 for the background.

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

    def __len__(self) -> int:
        return sum(self._config.batches)

    def begin_epoch(self, epoch: int) -> None:
        """Do nothing: fine-tuning is one long epoch."""

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed_of(self._seed, Purpose.STAGED_WINDOWS, step))
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
        generator = torch.Generator().manual_seed(seed_of(self._seed, Purpose.STAGED_ORDER, round_))
        return int(torch.randperm(len(self._images), generator=generator)[offset])

    def _draw(self, image: TrainingSample, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        config = self._config
        sure, label = image.sure_ious.max(dim=1)
        iou = without_difficult(sure, image.ious.amax(dim=1), config.positive_iou)
        share = config.batch_windows // config.batch_images
        chosen = draw_windows(iou, share, config.positive_share, config.negative_range, generator, config.positive_iou)
        return chosen, torch.where(iou[chosen] >= config.positive_iou, label[chosen] + 1, 0)
