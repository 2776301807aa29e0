"""Object detection: windows of an image, their features, detectors made of them, and the per-window baseline.

* `SPPDetector` finds objects: ``SPPDetector.load(folder).detect(image)`` gives `Detections`; `DetectorConfig` is its
  record. `CombinedDetector` makes one of several. `draw_detections` draws what they find.
* `RegionFeatures` pools windows from maps that are computed once an image; `RCNNFeatures` sends each window through the
  network.
* `selective_search`, `edge_boxes` and `ProposalConfig` say which windows are looked at.
* `evaluate_detections` gives average precisions.

The rooms, from the ground up, each using only those before it: ``detections``, ``nms``; ``boxes``; ``coco_results``,
``losses``, ``sampling``, ``visualize``; ``proposals``; ``features``; ``detectors``; ``evaluation``; ``joint`` and
``staged``, which train.
"""

from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors import CombinedDetector, Detector, DetectorConfig, SPPDetector
from spp_ops.detection.evaluation import DetectionEvaluation, evaluate_detections
from spp_ops.detection.features import (
    FIVE_SCALES,
    ONE_SCALE,
    RCNNFeatures,
    RegionFeatures,
    ScaledMaps,
    WindowFeatures,
    warp_windows,
)
from spp_ops.detection.proposals import ProposalConfig, edge_boxes, selective_search
from spp_ops.detection.sampling import WindowSampling
from spp_ops.detection.visualize import draw_detections

__all__ = [
    "FIVE_SCALES",
    "ONE_SCALE",
    "CombinedDetector",
    "DetectionEvaluation",
    "Detections",
    "Detector",
    "DetectorConfig",
    "ProposalConfig",
    "RCNNFeatures",
    "RegionFeatures",
    "SPPDetector",
    "ScaledMaps",
    "WindowFeatures",
    "WindowSampling",
    "draw_detections",
    "edge_boxes",
    "evaluate_detections",
    "selective_search",
    "warp_windows",
]
