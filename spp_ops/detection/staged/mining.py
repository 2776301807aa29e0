"""Stage 3: the SVMs of all classes at once, with hard negative mining (paper, section 4.1; R-CNN, section 2.3).

``svms.safetensors`` holds ``weight`` [K, D] and ``bias`` [K], of scores of rows times ``scale`` []. ``svms.json`` has a
record for each class: its positives, the negatives held at the end, how many were added in all, how often it learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from spp_ops.detection.staged.config import SVMs
from spp_ops.detection.staged.negatives import Negatives, without_repeats
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.detection.staged.sources import RowSource
from spp_ops.detection.staged.svm import fit_svm
from spp_ops.engine.files import atomic_write, write_json

FILE_NAME = "svms.safetensors"
RECORD_NAME = "svms.json"


class Planes(NamedTuple):
    """The SVMs of K classes: scores are `rows * scale @ weight.T + bias`."""

    weight: Tensor  # float32 [K, D]
    bias: Tensor  # float32 [K]
    scale: float

    def save(self, folder: Path) -> None:
        """Write ``svms.safetensors``."""
        tensors = {"weight": self.weight, "bias": self.bias, "scale": torch.tensor(self.scale, dtype=torch.float64)}
        with atomic_write(folder / FILE_NAME) as temporary:
            save_file(tensors, temporary)

    @staticmethod
    def load(folder: Path) -> Planes:
        """Read ``svms.safetensors``."""
        tensors = load_file(folder / FILE_NAME)
        return Planes(tensors["weight"], tensors["bias"], float(tensors["scale"]))


@dataclass
class ClassRecord:
    """How the SVM of one class came to be.

    Attributes:
        positives: rows.
        negatives: rows held at the end.
        added: negatives added in all.
        fits: times it learnt.
    """

    positives: int
    negatives: int = 0
    added: int = 0
    fits: int = 0


class Miner:
    """Trains the SVMs of K classes on images, one image at a time.

    Attributes:
        records: one a class.

    Args:
        source: of the rows.
        images: the images of `source`; every class has an object in them.
        scale: what rows are multiplied by.
        config: how.
        seed: of the solver.
    """

    def __init__(self, source: RowSource, images: list[TrainingSample], scale: float, config: SVMs, seed: int) -> None:
        self._source = source
        self._images = images
        self._scale = scale
        self._config = config
        self._seed = seed
        self._weight = torch.zeros(images[0].num_classes, source.size)
        self._bias = torch.zeros(images[0].num_classes)
        self.records: list[ClassRecord] = []

    @torch.inference_mode()
    def train(self, after_image: Callable[[], None] = lambda: None) -> Planes:
        """Look at all images for positives, then so many times for negatives as the settings say."""
        classes = range(len(self._bias))
        positives = self._positives(after_image)
        windows = [len(image.windows) for image in self._images]
        negatives = [Negatives(self._source.size, windows) for _ in classes]
        self.records = [ClassRecord(len(rows)) for rows in positives]
        visits = [(turn, index) for turn in range(self._config.passes) for index in range(len(self._images))]
        for turn, index in visits:
            rows = self._source.rows(index, self._images[index].windows).cpu()
            scores = rows @ (self._weight.T * self._scale) + self._bias
            for label in classes:
                self._add_hard(label, index, rows, scores[:, label], negatives[label])
                if self._is_time(label, negatives[label], last=(turn, index) == visits[-1]):
                    self._fit(label, positives[label], negatives[label])
            after_image()
        return Planes(self._weight, self._bias, self._scale)

    def _positives(self, after_image: Callable[[], None]) -> list[Tensor]:
        """[P, D] for each class."""
        rows: list[list[Tensor]] = [[] for _ in self._bias]
        for index, image in enumerate(self._images):
            for label in image.labels.unique().tolist():
                shows = image.is_object(label) | (image.sure_ious[:, label] >= self._config.positive_iou)
                rows[label].append(self._source.rows(index, image.windows[shows]).cpu() * self._scale)
            after_image()
        return [torch.cat(some) for some in rows]

    def _add_hard(self, label: int, index: int, rows: Tensor, scores: Tensor, negatives: Negatives) -> None:
        """Add an image's hard negatives; before the first fit all are hard."""
        image, config = self._images[index], self._config
        wanted = (image.ious[:, label] <= config.negative_iou) & ~negatives.held(index)
        if self.records[label].fits:
            wanted &= scores > config.hard
        chosen = wanted.nonzero()[:, 0]
        chosen = chosen[without_repeats(image.windows[chosen], rows[chosen], scores[chosen], config.repeats)]
        negatives.add(index, chosen, rows[chosen] * self._scale)
        self.records[label].added += len(chosen)

    def _is_time(self, label: int, negatives: Negatives, last: bool) -> bool:
        first = self.records[label].fits == 0
        return len(negatives) > 0 and (first or last or negatives.added > self._config.retrain_after)

    def _fit(self, label: int, positives: Tensor, negatives: Negatives) -> None:
        """Learn anew, then drop the negatives that have become easy."""
        plane = fit_svm(positives, negatives.rows, self._config, self._seed)
        self._weight[label], self._bias[label] = plane.weight, plane.bias
        negatives.added = 0
        negatives.keep(negatives.rows @ plane.weight + plane.bias >= self._config.easy)
        self.records[label].fits += 1
        self.records[label].negatives = len(negatives)


def save_records(folder: Path, classes: tuple[str, ...], records: list[ClassRecord]) -> None:
    """Write ``svms.json``."""
    write_json(folder / RECORD_NAME, {name: asdict(record) for name, record in zip(classes, records, strict=True)})
