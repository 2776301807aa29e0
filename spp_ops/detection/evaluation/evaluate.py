"""How good detections are: average precision by the rules of Pascal VOC and of COCO."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detections import Detections
from spp_ops.detection.evaluation.coco_ap import CocoAP, coco_ap
from spp_ops.detection.evaluation.voc_ap import PrecisionRecall, precision_recall


@dataclass(frozen=True)
class DetectionEvaluation:
    """Average precisions, from 0 to 1; NaN where there is nothing to be found.

    Attributes:
        classes: the classes' names.
        curves: precision and recall of each class by VOC's rules.
        coco: COCO's figures.
        iou: the IoU from which on VOC's rules take an object for found.
        images: how many were looked at.
    """

    classes: tuple[str, ...]
    curves: tuple[PrecisionRecall, ...]
    coco: CocoAP
    iou: float
    images: int

    @property
    def eleven_point(self) -> float:
        """Mean of VOC 2007's average precision over the classes that have objects."""
        return _mean([curve.eleven_point for curve in self.curves])

    @property
    def all_points(self) -> float:
        """Mean of the average precision since VOC 2010 over the classes that have objects."""
        return _mean([curve.all_points for curve in self.curves])

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON; None for NaN."""
        rows = zip(self.classes, self.curves, self.coco.class_ap, strict=True)
        return {
            "images": self.images,
            "iou": self.iou,
            "mean_ap_11_point": _plain(self.eleven_point),
            "mean_ap_all_points": _plain(self.all_points),
            "coco": {
                name: _plain(getattr(self.coco, name)) for name in ("ap", "ap50", "ap75", "small", "medium", "large")
            },
            "classes": {name: _curve_data(curve) | {"coco_ap": _plain(ap)} for name, curve, ap in rows},
        }


def evaluate_detections(images: DetectionImages, found: Sequence[Detections], iou: float = 0.5) -> DetectionEvaluation:
    """Compare what was found in images with what is there.

    Args:
        images: the images with their objects.
        found: the detections in each image, in the same order and of the same classes.
        iou: for VOC's rules, in (0, 1].

    Raises:
        ValueError: an argument is not as expected.
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou: expected more than 0, at most 1, got {iou}")
    if len(found) != len(images):
        raise ValueError(f"found: expected detections for each of {len(images)} images, got {len(found)}")
    for name, detections in zip(images.names, found, strict=True):
        if detections.classes != images.classes:
            expected, got = ", ".join(images.classes), ", ".join(detections.classes)
            raise ValueError(f"found: image {name}: expected the classes {expected}, got {got}")
        if not (np.isfinite(detections.boxes).all() and np.isfinite(detections.scores).all()):
            raise ValueError(f"found: image {name}: expected finite boxes and scores")
    curves = [precision_recall(images.objects, found, label, iou) for label in range(len(images.classes))]
    return DetectionEvaluation(images.classes, tuple(curves), coco_ap(images, found), iou, len(images))


def _curve_data(curve: PrecisionRecall) -> dict[str, Any]:
    return {
        "ap_11_point": _plain(curve.eleven_point),
        "ap_all_points": _plain(curve.all_points),
        "objects": curve.positives,
        "found": curve.found,
        "detections": len(curve.hits),
    }


def _mean(values: list[float]) -> float:
    there = [value for value in values if not math.isnan(value)]
    return sum(there) / len(there) if there else math.nan


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
