"""Where the stages get the rows of windows from: pooled from stored maps, or a network's output for each window."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn


class RowSource(Protocol):
    """Rows of features of the training images' windows.

    Attributes:
        size: D.
    """

    @property
    def size(self) -> int: ...  # noqa: D102

    def rows(self, image: int, windows: Tensor) -> Tensor:
        """[R, 4] windows of the image of that number -> [R, D] float32, on any device."""
        ...


class LayerRows:
    """Rows of another source, sent through layers in evaluation mode: fine-tuned fc6, fc7, ...

    Attributes:
        size: D, of what comes out.

    Args:
        source: of the rows below.
        scale: what those are multiplied by first.
        layers: rows -> rows.
    """

    def __init__(self, source: RowSource, scale: Tensor, layers: nn.Module, size: int) -> None:
        self.size = size
        self._source = source
        self._scale = scale
        self._layers = layers

    @torch.inference_mode()
    def rows(self, image: int, windows: Tensor) -> Tensor:
        """[R, 4] windows of an image -> [R, D]."""
        below = self._source.rows(image, windows)
        above: Tensor = self._layers.eval()(below.to(self._scale.device) * self._scale)
        return above.float()


def sample_norms(
    source: RowSource,
    windows: list[Tensor],
    generator: torch.Generator,
    *,
    most_images: int = 200,
    most_windows: int = 200,
) -> Tensor:
    """Norms of the rows of windows drawn evenly from images drawn evenly: float64 [R].

    Args:
        source: of the rows.
        windows: [R, 4] for each image.
        generator: of the random numbers, on the CPU.
        most_images: images drawn.
        most_windows: windows drawn of each.
    """
    chosen = torch.randperm(len(windows), generator=generator)[:most_images].sort().values.tolist()
    norms = []
    for image in chosen:
        some = torch.randperm(len(windows[image]), generator=generator)[:most_windows].sort().values
        norms.append(source.rows(image, windows[image][some]).norm(dim=1).double().cpu())
    return torch.cat(norms)
