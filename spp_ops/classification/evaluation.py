"""How well a network does on labeled images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spp_ops.classification.scoring import ViewScorer
from spp_ops.datasets.image import load_image
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.engine.distributed import summed
from spp_ops.engine.loading import load_each

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TOP_K = 5


@dataclass(frozen=True)
class Evaluation:
    """Scores of images, and what follows from them.

    Attributes:
        scores: [N, K], each image's probabilities, averaged over its views.
        labels: [N], each image's class.
        classes: names, K of them.
    """

    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]

    def error(self, k: int = 1) -> float:
        """Return the share of images, in percent, whose class is not among the `k` best."""
        best = np.argsort(-self.scores, axis=1, kind="stable")[:, :k]
        return float(100 * (1 - (best == self.labels[:, None]).any(axis=1).mean()))

    def class_accuracies(self) -> dict[str, float]:
        """Return the share of each class's images, in percent, that are found; classes without any are left out."""
        from sklearn.metrics import recall_score

        present = np.unique(self.labels)
        found = recall_score(self.labels, self.scores.argmax(axis=1), labels=present, average=None, zero_division=0)
        return {self.classes[label]: float(100 * share) for label, share in zip(present, found, strict=True)}

    def as_data(self) -> dict[str, Any]:
        """Return the figures for JSON; top-5 only where there are more than five classes."""
        accuracies = self.class_accuracies()
        return {
            "images": len(self.labels),
            "top1_error_percent": self.error(),
            "top5_error_percent": self.error(TOP_K) if len(self.classes) > TOP_K else None,
            "mean_class_accuracy_percent": float(np.mean(list(accuracies.values()))),
            "class_accuracies_percent": accuracies,
        }


def evaluate(
    scorer: ViewScorer,
    images: LabeledImages,
    fabric: Fabric,
    *,
    workers: int = 0,
    after_image: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Score all images, each process its share of them, and give every process all of the scores."""
    rows = range(fabric.global_rank, len(images), fabric.world_size)
    scores = torch.zeros(len(images), len(images.classes), device=fabric.device)
    for row, image in load_each(Images(images.paths, rows), workers=workers):
        scores[row] = scorer(image).mean(dim=0)
        after_image()
    everyone = summed(fabric, scores).cpu().numpy()
    return Evaluation(everyone, np.array(images.labels, dtype=np.int64), images.classes)


class Images:
    """Some rows of a list of image files: (row, uint8 [3, H, W])."""

    def __init__(self, paths: Sequence[Path], rows: Sequence[int]) -> None:
        self._paths = paths
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[int, Tensor]:
        row = self._rows[index]
        return row, torch.from_numpy(load_image(self._paths[row])).permute(2, 0, 1)
