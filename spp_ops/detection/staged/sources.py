"""Where the stages get the rows of windows from: pooled from stored maps, or a network's output for each window."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn


class RowSource(Protocol):
    """Rows of features of the training pictures' windows.

    Attributes:
        size: D.
    """

    @property
    def size(self) -> int: ...  # noqa: D102

    def rows(self, picture: int, windows: Tensor) -> Tensor:
        """[R, 4] windows of the picture of that number -> [R, D] float32, on any device."""
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
    def rows(self, picture: int, windows: Tensor) -> Tensor:
        """[R, 4] windows of a picture -> [R, D]."""
        below = self._source.rows(picture, windows)
        above: Tensor = self._layers.eval()(below.to(self._scale.device) * self._scale)
        return above.float()


def sample_norms(
    source: RowSource,
    windows: list[Tensor],
    generator: torch.Generator,
    *,
    most_pictures: int = 200,
    most_windows: int = 200,
) -> Tensor:
    """Norms of the rows of windows drawn evenly from pictures drawn evenly: float64 [R].

    Args:
        source: of the rows.
        windows: [R, 4] for each picture.
        generator: of the random numbers, on the CPU.
        most_pictures: pictures drawn.
        most_windows: windows drawn of each.
    """
    chosen = torch.randperm(len(windows), generator=generator)[:most_pictures].sort().values.tolist()
    norms = []
    for picture in chosen:
        some = torch.randperm(len(windows[picture]), generator=generator)[:most_windows].sort().values
        norms.append(source.rows(picture, windows[picture][some]).norm(dim=1).double().cpu())
    return torch.cat(norms)
