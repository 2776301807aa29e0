"""Detectors: from an image and its windows to the objects in it; their records, their files, and their use in bulk."""

from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.checkpoint import load_detector, save_detector
from spp_ops.detection.detectors.combined import CombinedDetector
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.inference import find_windows, run_detector
from spp_ops.detection.detectors.inputs import Prepared, prepare
from spp_ops.detection.detectors.network import RegionHead, RegionNet
from spp_ops.detection.detectors.rcnn import RCNNDetector
from spp_ops.detection.detectors.spp import SPPDetector

__all__ = [
    "CombinedDetector",
    "Detector",
    "DetectorConfig",
    "Prepared",
    "RCNNDetector",
    "RegionHead",
    "RegionNet",
    "SPPDetector",
    "find_windows",
    "load_detector",
    "prepare",
    "run_detector",
    "save_detector",
]
