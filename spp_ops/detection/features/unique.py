"""Windows that fall on the same cells of the same map, which need to be pooled and classified only once.

A cell is some 16 pixels of the resized image wide, so many windows of an image that differ by a few pixels have the
same features to the bit. Equal cells of different maps are different windows: the map is chosen by a window's area.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spp_ops._core.geometry import place_boxes
from spp_ops.projection import Projection


class UniqueWindows(NamedTuple):
    """Which windows to work on, and where each window's result then is."""

    keep: Tensor  # [U] int64, ascending: the first window on each set of cells
    inverse: Tensor  # [R] int64: window r equals window keep[inverse[r]]

    @property
    def distinct(self) -> float:
        """Fraction of the windows that are kept; 1 where there are no windows."""
        return len(self.keep) / len(self.inverse) if len(self.inverse) else 1.0


def unique_windows(
    windows: Tensor, sizes: Sequence[tuple[int, int]], projections: Sequence[Projection], target_area: float
) -> UniqueWindows:
    """Find the windows of one image that are pooled from different cells.

    Args:
        windows: [R, 4] x1, y1, x2, y2 in image pixels.
        sizes: (height, width) of each map.
        projections: how a box falls on each map.
        target_area: pixels; each window is pooled from the map at whose scale its area is nearest.

    Returns:
        Rows on the device of `windows`.
    """
    placed = place_boxes(F.pad(windows, (1, 0)), sizes, projections, 1, None, target_area)
    cells = torch.cat([placed.map[:, None], placed.windows], dim=1)
    _, inverse = torch.unique(cells, dim=0, return_inverse=True)
    rows = torch.arange(len(windows), device=windows.device)
    first = rows.new_full((len(windows),), len(windows)).scatter_reduce_(0, inverse, rows, "amin")
    keep = torch.unique(first[inverse])
    return UniqueWindows(keep, torch.searchsorted(keep, first[inverse]))
