"""Object detection: windows of a photo, their features, detectors made of them, and the per-window baseline."""

from spp_ops.detection.combination import CombinedDetector
from spp_ops.detection.detections import Detections
from spp_ops.detection.detector import SPPDetector
from spp_ops.detection.detector_config import DetectorConfig
from spp_ops.detection.features import WindowFeatures
from spp_ops.detection.interface import Detector
from spp_ops.detection.pictures import draw_detections
from spp_ops.detection.proposals import ProposalConfig, edge_boxes, selective_search
from spp_ops.detection.rcnn import RCNNFeatures, warp_windows
from spp_ops.detection.regions import FIVE_SCALES, ONE_SCALE, RegionFeatures, ScaledMaps

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
