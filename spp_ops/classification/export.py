"""A trained classifier as one graph, from pixels to probabilities, for use without this package."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from spp_ops.classification.augmentation import THINNEST
from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.views import make_views
from spp_ops.export import GraphFormat, Interface, write_graph
from spp_ops.export.pixels import antialiased, sides_of
from spp_ops.models import SPPNet


class ClassifierGraph(nn.Module):
    """Pixels -> probabilities: those of the whole image, or, without a pyramid, of the square in its middle.

    Args:
        net: on the CPU.
        window: side of the network's usual inputs, in pixels; images are resized for it as `make_views` says.
    """

    def __init__(self, net: SPPNet, window: int) -> None:
        super().__init__()
        self.net = net
        self._whole = net.levels is not None
        self._window = window
        self._shorter = make_views("full" if self._whole else "crop", window).scales[0].scale

    def forward(self, image: Tensor) -> Tensor:
        """uint8 [H, W, 3], RGB -> probabilities [classes]."""
        pixels = self._resized(image)
        if not self._whole:
            first_row, first_column = ((side - self._window) // 2 for side in sides_of(pixels))
            square = torch.arange(self._window)
            pixels = pixels.index_select(0, square + first_row).index_select(1, square + first_column)
        scores: Tensor = self.net(self.net.normalization(pixels.permute(2, 0, 1))[None])
        return scores.softmax(dim=1)[0]

    def _resized(self, image: Tensor) -> Tensor:
        """What `resize_shorter` gives: [h, w, 3]."""
        height, width = sides_of(image)
        short = height.minimum(width)
        rows, columns = part = (height.minimum(THINNEST * short), width.minimum(THINNEST * short))
        begin = _half(height - rows), _half(width - columns)
        size = self._shorter * rows // short, self._shorter * columns // short
        return antialiased(image, begin, part, size)


def export_classifier(
    checkpoint: Checkpoint, path: str | os.PathLike[str], format_: GraphFormat, window: int | None = None
) -> None:
    """Write a run's classifier as one graph for images of any size; docs/export.md says what goes in and comes out.

    Args:
        checkpoint: of the run.
        path: of the file: .onnx, .xml or .pt2.
        format_: of the file.
        window: as for `ClassifierGraph`; None: the largest size of the training.

    Raises:
        ValueError, ImportError, CannotWriteError: as `spp_ops.export.write_graph`.
    """
    graph = ClassifierGraph(checkpoint.classifier(), window or max(checkpoint.training.sizes))
    image = torch.zeros(480, 640, 3, dtype=torch.uint8)
    interface = Interface("classifier", checkpoint.classes, ("image",), ("scores",))
    write_graph(graph, {"image": image}, {"image": {0: "height", 1: "width"}}, interface, path, format_)


def _half(length: Tensor) -> Tensor:
    """Half of a length in whole pixels; of two equally near the even one."""
    half = length // 2
    return half + (length % 2) * (half % 2)
