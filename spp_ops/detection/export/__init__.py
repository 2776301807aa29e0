"""Detectors as one graph, from pixels to boxes, for use without this package."""

from spp_ops.detection.export.detector import export_detector
from spp_ops.detection.export.exported import ExportedDetector, load_exported
from spp_ops.detection.export.openvino import OpenVINODetector

__all__ = ["ExportedDetector", "OpenVINODetector", "export_detector", "load_exported"]
