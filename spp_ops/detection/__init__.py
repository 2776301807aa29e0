"""Object detection: windows of a photo, their features, detectors made of them, and the per-window baseline."""

from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.combined import CombinedDetector
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.features.base import WindowFeatures
from spp_ops.detection.features.regions import FIVE_SCALES, ONE_SCALE, RegionFeatures, ScaledMaps
from spp_ops.detection.features.warped import RCNNFeatures, warp_windows
from spp_ops.detection.proposals import ProposalConfig, edge_boxes, selective_search
from spp_ops.detection.visualize import draw_detections

__all__ = [
    "FIVE_SCALES",
    "ONE_SCALE",
    "CombinedDetector",
    "Detections",
    "Detector",
    "DetectorConfig",
    "ProposalConfig",
    "RCNNFeatures",
    "RegionFeatures",
    "SPPDetector",
    "ScaledMaps",
    "WindowFeatures",
    "draw_detections",
    "edge_boxes",
    "selective_search",
    "warp_windows",
]
