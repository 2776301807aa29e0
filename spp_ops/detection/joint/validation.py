"""Testing a detector while it is trained, on all processes together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detectors.inference import run_detector
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.proposals import Boxes

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def mean_ap(
    detector: SPPDetector,
    images: DetectionImages,
    windows: Sequence[Boxes],
    fabric: Fabric,
    after_image: Callable[[], None] = lambda: None,
) -> float:
    """Mean average precision by Pascal VOC 2007's rule, in percent.

    Args:
        detector: on the device of `fabric`.
        images: what to test on.
        windows: proposals [R, 4] of each image.
        fabric: launched; its processes share the images.
        after_image: called after each of this process' images.
    """
    found = run_detector(detector, images, windows=windows, after_image=after_image, fabric=fabric)
    return 100 * evaluate_detections(images, found).eleven_point
