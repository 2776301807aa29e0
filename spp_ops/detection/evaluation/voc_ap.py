"""Pascal VOC's average precision of one class (Everingham et al., 2010, sections 4.2 and 4.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spp_ops.datasets.detection import Objects
from spp_ops.detection.boxes import box_iou
from spp_ops.detection.detections import Detections


@dataclass(frozen=True)
class PrecisionRecall:
    """What is found of a class as the threshold on the score falls; D detections, less those that do not count.

    Attributes:
        positives: objects to be found; difficult ones don't count.
        scores: float32 [D], falling. Equal ones in the order of images, then of their detections.
        hits: int64 [D], objects found down to each score.
    """

    positives: int
    scores: npt.NDArray[np.float32]
    hits: npt.NDArray[np.int64]

    @property
    def found(self) -> int:
        """Objects found at all."""
        return int(self.hits[-1]) if len(self.hits) else 0

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """[D], share of the detections down to each score that are right."""
        return self.hits / np.arange(1, len(self.hits) + 1)

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """[D], share of the objects found down to each score; NaN where there are none."""
        return self.hits / self.positives if self.positives else np.full(len(self.hits), math.nan)

    @property
    def eleven_point(self) -> float:
        """Average precision of VOC 2007: the mean of the best precision at recalls of at least 0, 0.1, ... 1.

        NaN where there are no objects.
        """
        if not self.positives:
            return math.nan
        # In whole numbers, since a recall of 0.3 may be a hair below the 0.3 of a step.
        reached = (self.precision[10 * self.hits >= step * self.positives] for step in range(11))
        return float(np.mean([precision.max(initial=0.0) for precision in reached]))

    @property
    def all_points(self) -> float:
        """Average precision since VOC 2010: the area under the best precision at each recall or a higher one.

        NaN where there are no objects.
        """
        if not self.positives:
            return math.nan
        envelope = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float((np.diff(self.hits, prepend=0) * envelope).sum() / self.positives)


def precision_recall(
    truth: Sequence[Objects], found: Sequence[Detections], label: int, iou: float = 0.5
) -> PrecisionRecall:
    """Match the detections of a class with its objects, image by image.

    A detection belongs to the object that it overlaps most. From an IoU of `iou` on it finds that object, if none
    of a better score has; else it is wrong. If the object is difficult the detection does not count.

    Args:
        truth: the objects of each image.
        found: the detections in each.
        label: the class.
        iou: IoU, in (0, 1]; extents are x2 - x1 + 1, as in VOC.
    """
    outcomes = [_match(objects, detections, label, iou) for objects, detections in zip(truth, found, strict=True)]
    scores = np.concatenate([np.zeros(0, np.float32), *(scores for scores, _ in outcomes)])
    right = np.concatenate([np.zeros(0, np.bool_), *(right for _, right in outcomes)])
    order = np.argsort(-scores, kind="stable")
    positives = sum(int(((objects.labels == label) & ~objects.difficult).sum()) for objects in truth)
    return PrecisionRecall(positives, scores[order], right[order].cumsum(dtype=np.int64))


def _match(
    objects: Objects, detections: Detections, label: int, iou: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Scores of the detections that count, and which are right; of one image, best first."""
    mine = np.flatnonzero(detections.labels == label)
    mine = mine[np.argsort(-detections.scores[mine], kind="stable")]
    scores = detections.scores[mine]
    there = objects.labels == label
    right = np.zeros(len(mine), np.bool_)
    if not there.any() or not len(mine):
        return scores, right
    # In float64: a box of whole pixels that overlaps by exactly the threshold must not miss it.
    boxes, others = (torch.from_numpy(rows).double() for rows in (detections.boxes[mine], objects.boxes[there]))
    ious = box_iou(boxes, others).numpy()
    nearest = ious.argmax(axis=1)
    close = ious.max(axis=1) >= iou
    ignored = close & objects.difficult[there][nearest]
    candidates = np.flatnonzero(close & ~ignored)
    _, first = np.unique(nearest[candidates], return_index=True)
    right[candidates[first]] = True
    return scores[~ignored], right[~ignored]
