"""COCO's average precision, by pycocotools."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.detection.coco_results import corner_and_size
from spp_ops.detection.detections import Detections

if TYPE_CHECKING:
    from pycocotools.coco import COCO

_SIZES = ("all", "small", "medium", "large")  # objects of up to 32 x 32 pixels, up to 96 x 96, above


@dataclass(frozen=True)
class CocoAP:
    """Means over the classes, of the 100 best detections an image and class; NaN where there is nothing to be found.

    Attributes:
        ap: mean over IoUs of 0.5, 0.55, ... 0.95.
        ap50: at an IoU of 0.5.
        ap75: at an IoU of 0.75.
        small: `ap` of objects of less than 32 x 32 pixels.
        medium: `ap` of those between.
        large: `ap` of objects of more than 96 x 96 pixels.
        class_ap: `ap` of each class.
    """

    ap: float
    ap50: float
    ap75: float
    small: float
    medium: float
    large: float
    class_ap: tuple[float, ...]


def coco_ap(images: DetectionImages, found: Sequence[Detections]) -> CocoAP:
    """Evaluate as COCO does. Difficult objects count as its crowds: what lies on them does not count.

    Args:
        images: what is there.
        found: what was found in each image.
    """
    from pycocotools.cocoeval import COCOeval

    truth = _dataset(images, [_annotations(objects) for objects in images.objects])
    results = _dataset(images, [_results(detections) for detections in found])
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools has no quiet mode
        evaluation = COCOeval(_indexed(truth), _indexed(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    ious = evaluation.params.iouThrs
    precision: npt.NDArray[np.float64] = evaluation.eval["precision"][..., -1]  # [IoU, recall, class, size]
    everywhere = precision[..., _SIZES.index("all")]
    return CocoAP(
        ap=_mean(everywhere),
        ap50=_mean(everywhere[np.isclose(ious, 0.5)]),
        ap75=_mean(everywhere[np.isclose(ious, 0.75)]),
        small=_mean(precision[..., _SIZES.index("small")]),
        medium=_mean(precision[..., _SIZES.index("medium")]),
        large=_mean(precision[..., _SIZES.index("large")]),
        class_ap=tuple(_mean(everywhere[:, :, label]) for label in range(len(images.classes))),
    )


def _dataset(images: DetectionImages, annotations: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """What pycocotools reads. Images are numbered here, and everything from 1: it takes an id of 0 for none."""
    rows = [(image, entry) for image, entries in enumerate(annotations, 1) for entry in entries]
    return {
        "images": [{"id": image} for image in range(1, len(images) + 1)],
        "categories": [{"id": label + 1, "name": name} for label, name in enumerate(images.classes)],
        "annotations": [entry | {"id": row, "image_id": image} for row, (image, entry) in enumerate(rows, 1)],
    }


def _annotations(objects: Objects) -> list[dict[str, Any]]:
    boxes = corner_and_size(objects.boxes)
    areas = boxes[:, 2] * boxes[:, 3] if objects.areas is None else objects.areas
    rows = zip(boxes.tolist(), areas.tolist(), objects.labels.tolist(), objects.difficult.tolist(), strict=True)
    return [
        {"bbox": box, "area": area, "category_id": label + 1, "iscrowd": int(difficult)}
        for box, area, label, difficult in rows
    ]


def _results(detections: Detections) -> list[dict[str, Any]]:
    boxes = corner_and_size(detections.boxes)
    areas = boxes[:, 2] * boxes[:, 3]
    rows = zip(boxes.tolist(), areas.tolist(), detections.labels.tolist(), detections.scores.tolist(), strict=True)
    return [{"bbox": box, "area": area, "category_id": label + 1, "score": score} for box, area, label, score in rows]


def _indexed(dataset: dict[str, Any]) -> COCO:
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco


def _mean(precision: npt.NDArray[np.float64]) -> float:
    """Return the mean, where pycocotools marks classes without objects by -1."""
    counts = precision[precision > -1]
    return float(counts.mean()) if counts.size else math.nan
