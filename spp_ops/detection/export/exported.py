"""An exported detector in Python: the same calls as a detector of this package's."""

from __future__ import annotations

import os

import numpy as np
import torch

from spp_ops.datasets.image import ImageSource, Pixels, load_image
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.inputs import Windows
from spp_ops.export import Graph, load_graph


class ExportedDetector:
    """Finds objects in photos by a graph.

    Attributes:
        graph: as `spp_ops.export.load_graph` gives it.
        classes: names, in the order of the labels.
    """

    def __init__(self, graph: Graph) -> None:
        if graph.interface.kind != "detector":
            raise ValueError(f"graph: expected a detector's, got a {graph.interface.kind}'s")
        self.graph = graph
        self.classes = graph.interface.classes

    @property
    def takes_windows(self) -> bool:
        """Whether windows are to be given with an image."""
        return "windows" in self.graph.interface.inputs

    def __call__(self, image: ImageSource, windows: Windows | None = None) -> Detections:
        """Find the objects in one image.

        Args:
            image: as `SPPDetector.detect` takes it.
            windows: [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included, where the graph takes them.

        Returns:
            The objects, best first.

        Raises:
            FileNotFoundError, ImageError: there is no such image, or it can't be used.
            ValueError: windows are missing, or not wanted.
        """
        if (windows is not None) != self.takes_windows:
            wanted = "windows [R, 4]" if self.takes_windows else "none, as the graph finds its own"
            raise ValueError(f"windows: expected {wanted}, got {'None' if windows is None else 'some'}")
        pixels: Pixels = np.ascontiguousarray(load_image(image))
        given = [] if windows is None else [torch.as_tensor(windows).float().numpy()]
        boxes, scores, labels = self.graph.run([pixels, *given])
        return Detections(boxes, scores, labels, self.classes)


def load_exported(path: str | os.PathLike[str], runtime: str | None = None, *, threads: int = 0) -> ExportedDetector:
    """Read what `export_detector` wrote; arguments and errors as for `spp_ops.export.load_graph`."""
    return ExportedDetector(load_graph(path, runtime, threads=threads))
