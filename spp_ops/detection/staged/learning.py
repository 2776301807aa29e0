"""Stages 2 to 4 on rows from anywhere, and the head that comes of them: SPP-net's and R-CNN's alike."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from spp_ops.detection.detectors.network import RegionHead
from spp_ops.detection.staged.batches import Batches
from spp_ops.detection.staged.box_regression import FILE_NAME as BOXES_NAME
from spp_ops.detection.staged.box_regression import Corrections, fit_boxes
from spp_ops.detection.staged.config import StagedConfig
from spp_ops.detection.staged.finetune import HeadTrainer, fine_tune, new_head, saved_batches
from spp_ops.detection.staged.folding import fold
from spp_ops.detection.staged.mining import FILE_NAME as SVMS_NAME
from spp_ops.detection.staged.mining import Miner, Planes, save_records
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.detection.staged.sources import LayerRows, RowSource, sample_norms
from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.progress import Progress, Work
from spp_ops.engine.scalars import Scalars
from spp_ops.engine.seeds import Purpose, seed_of
from spp_ops.models.spp_net import FIRST_FC


def kept_hidden(hidden: tuple[int, ...], layer: str | None) -> tuple[int, ...]:
    """The widths of the layers below the SVMs.

    Args:
        hidden: of all layers that are fine-tuned.
        layer: as `SVMs.layer`.

    Raises:
        ValueError: there is no such layer.
    """
    names = ["rows", *(f"fc{number}" for number in range(FIRST_FC, FIRST_FC + len(hidden)))]
    if layer is None:
        return hidden
    if layer not in names:
        raise ValueError(f"layer: expected one of {', '.join(names)}, got {layer!r}")
    return hidden[: names.index(layer)]


class Learner:
    """Learns a head in stages; what a stage leaves in the folder is not learnt again.

    Args:
        source: of the pooled rows.
        images: the images of `source`; every class has an object in them.
        classes: names.
        hidden: widths of the layers to be fine-tuned.
        config: how.
        folder: of the artifacts.
        device: for fine-tuning.
        progress: told how far it is.
        checkpoint_every: batches of fine-tuning from one checkpoint to the next.
    """

    def __init__(
        self,
        source: RowSource,
        images: list[TrainingSample],
        classes: tuple[str, ...],
        hidden: tuple[int, ...],
        config: StagedConfig,
        *,
        folder: Path,
        device: torch.device,
        progress: Progress,
        checkpoint_every: int = 200,
    ) -> None:
        _check_classes(images, classes)
        self._source = source
        self._images = images
        self._classes = classes
        self._hidden = hidden
        self._kept = kept_hidden(hidden, config.svms.layer)
        self._config = config
        self._folder = folder
        self._device = device
        self._progress = progress
        self._checkpoint_every = checkpoint_every

    def head(self) -> RegionHead:
        """Go through the stages: a head that gives margins, on the CPU."""
        tuned = self._fine_tuned()
        trunk = tuned.trunk[: 3 * len(self._kept)]  # of three modules a layer
        assert isinstance(trunk, nn.Sequential)
        source = self._source
        if self._kept:
            source = LayerRows(source, tuned.row_scale, trunk, self._kept[-1])
        planes = self._planes(source)
        corrections = self._corrections()
        head = RegionHead(
            self._source.size,
            len(self._classes),
            self._kept,
            score="margin",
            box_input=None if corrections is None else "rows",
        )
        fold(head, tuned.row_scale, trunk.state_dict(), planes, corrections)
        return head

    def _fine_tuned(self) -> RegionHead:
        """Stage 2; where the SVMs take pooled rows there is nothing to tune, and the head only scales."""
        config, seed = self._config.tuning, self._config.seed
        hidden = self._hidden if self._kept else ()
        size = float(self._norms(self._source).square().mean().sqrt()) / self._source.size**0.5
        head = new_head(self._source.size, len(self._classes), hidden, 1 / max(size, 1e-12), config.dropout, seed)
        head.to(self._device)
        if not self._kept:
            return head
        trainer = HeadTrainer(
            head, Batches(self._source, self._images, config, seed), config, seed, make_fabric(self._device)
        )
        done = saved_batches(self._folder)
        with (
            Scalars(self._folder, done) as scalars,
            self._progress.work("fine-tuning", len(trainer.data), "batches", done=done) as work,
        ):
            losses = fine_tune(trainer, self._folder, self._checkpoint_every, scalars, work.advance)
        last = losses[-min(len(losses), 50) :]
        self._say(work, f"{len(losses)} batches, loss {sum(last) / len(last):.4f} at the end")
        return head

    def _planes(self, source: RowSource) -> Planes:
        """Stage 3."""
        if (self._folder / SVMS_NAME).is_file():
            return Planes.load(self._folder)
        config = self._config.svms
        with self._progress.work("SVMs", len(self._images) * (1 + config.passes)) as work:
            scale = self._scale(source, config.feature_norm)
            miner = Miner(source, self._images, scale, config, self._config.seed)
            planes = miner.train(work.advance)
        save_records(self._folder, self._classes, miner.records)
        planes.save(self._folder)
        numbers = ((r.positives, r.added, r.fits) for r in miner.records)
        positives, added, fits = (sum(column) for column in zip(*numbers, strict=True))
        self._say(work, f"{positives} positives, {added} negatives, {fits} fits in {len(self._classes)} classes")
        return planes

    def _corrections(self) -> Corrections | None:
        """Stage 4."""
        config = self._config.boxes
        if config is None or (self._folder / BOXES_NAME).is_file():
            return None if config is None else Corrections.load(self._folder)
        with self._progress.work("box regression", len(self._images) * len(self._classes)) as work:
            scale = self._scale(self._source, config.feature_norm)
            corrections = fit_boxes(self._source, self._images, scale, config, work.advance)
            corrections.save(self._folder)
        self._say(work, f"{len(self._classes)} classes")
        return corrections

    def _say(self, work: Work, result: str) -> None:
        self._progress.say(f"{work.name}: {result}  ({work.seconds:.0f} s)")

    def _scale(self, source: RowSource, norm: float) -> float:
        """What gives rows this mean norm."""
        return norm / max(float(self._norms(source).mean()), 1e-12)

    def _norms(self, source: RowSource) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed_of(self._config.seed, Purpose.STAGED_NORMS))
        return sample_norms(source, [image.windows for image in self._images], generator)


def _check_classes(images: list[TrainingSample], classes: tuple[str, ...]) -> None:
    """Every class must have objects to learn from."""
    seen = {label for image in images for label in image.labels[~image.difficult].tolist()}
    for label, name in enumerate(classes):
        if label not in seen:
            raise ValueError(f"classes: expected images that show {name} to learn from, found none")
