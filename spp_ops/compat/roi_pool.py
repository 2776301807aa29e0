"""``torchvision.ops.roi_pool`` and ``RoIPool``."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from spp_ops._core import checks
from spp_ops.functional import roi_spatial_pyramid_pool


def roi_pool(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """Max-pool each box into a grid of bins (Fast R-CNN, section 2.1): torchvision's function, to the bit.

    It differs in three places: bins whose edges torchvision's float32 puts a cell off (7 bins over 57 cells, for one)
    are the exact ones; NaN is a maximum; and a corner of a box in float16 is projected in float32.

    Args:
        input: map [N, C, H, W].
        boxes: [K, 5] of (image index, x1, y1, x2, y2) in pixels, last pixels included, or [L, 4] for each image.
        output_size: rows and columns of the grid, or one number for both.
        spatial_scale: cells a pixel.

    Returns:
        [K, C, rows, columns].

    Raises:
        TypeError, ValueError: as `spp_ops.roi_spatial_pyramid_pool`, where torchvision reads what is not there.
    """
    rows, columns = grid(output_size)
    pooled = roi_spatial_pyramid_pool(input, boxes, [(rows, columns)], spatial_scale)
    bins: Tensor = pooled.unflatten(1, (input.size(1), rows, columns))
    return bins


class RoIPool(nn.Module):
    """See `roi_pool`; torchvision's and mmcv's module.

    Args:
        output_size: rows and columns of the grid, or one number for both.
        spatial_scale: cells a pixel.
    """

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float = 1.0) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        """Map [N, C, H, W] and boxes [K, 5], or [L, 4] for each image -> [K, C, rows, columns]."""
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"


def grid(output_size: int | Sequence[int]) -> tuple[int, int]:
    """Rows and columns of an output size as torchvision takes it.

    Raises:
        TypeError, ValueError: it is no number of at least 1, nor a pair of such.
    """
    pair = tuple(output_size) if checks.is_sequence(output_size) else (output_size, output_size)
    if len(pair) != 2:
        raise ValueError(f"output_size: expected one number or (rows, columns), got {output_size}")
    if any(not isinstance(each, int) or isinstance(each, bool) for each in pair):
        raise TypeError(f"output_size: expected whole numbers, got {output_size}")
    if min(pair) < 1:
        raise ValueError(f"output_size: expected positive numbers, got {output_size}")
    return pair[0], pair[1]
