"""Objects and detections of made-up images, for tests of average precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.detection.detections import Detections
from spp_ops.detection.evaluation.evaluate import DetectionEvaluation, evaluate_detections

ONE = ("thing",)


def objects(
    boxes: Sequence[Sequence[float]], labels: Sequence[int] | None = None, difficult: Sequence[int] = ()
) -> Objects:
    count = len(boxes)
    return Objects(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([0] * count if labels is None else labels, np.int64),
        np.isin(np.arange(count), difficult),
    )


def detections(
    boxes: Sequence[Sequence[float]],
    scores: Sequence[float],
    labels: Sequence[int] | None = None,
    classes: tuple[str, ...] = ONE,
) -> Detections:
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(
        rows, np.array(scores, np.float32), np.array([0] * len(rows) if labels is None else labels, np.int64), classes
    )


def images(truth: Sequence[Objects], classes: tuple[str, ...] = ONE) -> DetectionImages:
    names = tuple(f"image{row}" for row in range(len(truth)))
    return DetectionImages(
        tuple(Path(f"{name}.jpg") for name in names), names, tuple(range(len(truth))), tuple(truth), classes
    )


def evaluate(truth: Objects, found: Detections, iou: float = 0.5) -> DetectionEvaluation:
    return evaluate_detections(images([truth], found.classes), [found], iou)
