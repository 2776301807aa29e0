"""Writing a detector as one graph."""

from __future__ import annotations

import os

import torch

from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.export.graph import DetectorGraph
from spp_ops.export import GraphFormat, Interface, write_graph

OUTPUTS = ("boxes", "scores", "labels")


def export_detector(detector: SPPDetector, path: str | os.PathLike[str], format_: GraphFormat) -> None:
    """Write a detector as one graph for images of any size; docs/export.md says what goes in and comes out.

    Args:
        detector: in float32 on the CPU; the graph computes in float32 whatever its record says.
        path: of the file: .onnx, .xml or .pt2.
        format_: of the file.

    Raises:
        ValueError, ImportError, CannotWriteError: as `spp_ops.export.write_graph`.
    """
    graph = DetectorGraph(detector)
    inputs = {"image": torch.zeros(480, 640, 3, dtype=torch.uint8)}
    sizes = {"image": {0: "height", 1: "width"}}
    if graph.takes_windows:
        inputs["windows"] = torch.tensor([[0.0, 0.0, 99.0, 99.0]]).repeat(7, 1)
        sizes["windows"] = {0: "count"}
    interface = Interface("detector", detector.classes, tuple(inputs), OUTPUTS)
    write_graph(graph, inputs, sizes, interface, path, format_)
