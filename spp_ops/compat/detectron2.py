"""detectron2's ``ROIPooler``, of type ``ROIPool``."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from spp_ops.compat.assigned import assigned_maps, pool_assigned, with_image_index
from spp_ops.compat.roi_pool import grid


class ROIPooler(nn.Module):
    """Max-pool each box from the map of a feature pyramid that suits its size; one call for all maps.

    Interface of ``detectron2.modeling.poolers.ROIPooler``: its arguments, its map for each box, its results for
    ``pooler_type="ROIPool"``. detectron2 itself is not needed.

    Args:
        output_size: rows and columns of the grid, or one number for both.
        scales: cells a pixel of each map, each half of the one before, all powers of 2.
        sampling_ratio: not used: a maximum takes every cell.
        pooler_type: "ROIPool"; means of samples ("ROIAlign", "ROIAlignV2") are not computed here.
        canonical_box_size: boxes of this size (the square root of their area, in pixels) have the map
            `canonical_level`.
        canonical_level: as above: the logarithm to base 2 of the map's stride.

    Raises:
        ValueError: an argument is not as above.
    """

    def __init__(
        self,
        output_size: int | Sequence[int],
        scales: Sequence[float],
        sampling_ratio: int = 0,
        pooler_type: str = "ROIPool",
        canonical_box_size: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        if pooler_type != "ROIPool":
            raise ValueError(f"pooler_type: expected 'ROIPool', got {pooler_type!r}")
        if canonical_box_size <= 0:
            raise ValueError(f"canonical_box_size: expected a positive number, got {canonical_box_size}")
        octaves = [-math.log2(scale) if scale > 0 else math.nan for scale in scales]
        rising = [octaves[0] + step for step in range(len(octaves))] if octaves else [math.nan]
        if octaves != rising or octaves[0] < 0 or octaves[0] != int(octaves[0]):
            raise ValueError(f"scales: expected powers of 2, each half of the one before, got {list(scales)}")
        self.output_size = grid(output_size)
        self.scales = list(scales)
        self.min_level, self.max_level = int(octaves[0]), int(octaves[-1])
        self.canonical_box_size = canonical_box_size
        self.canonical_level = canonical_level

    def forward(self, x: Sequence[Tensor], box_lists: Sequence[Any]) -> Tensor:
        """Pool boxes of several images.

        Args:
            x: maps [N, C, H, W], one a scale.
            box_lists: of each image detectron2's ``Boxes``, or anything whose ``tensor`` is [L, 4], or such a tensor.

        Returns:
            [R, C, rows, columns], image by image.

        Raises:
            ValueError: the maps are not as many as the scales, or the boxes not of as many images as the maps.
        """
        if len(x) != len(self.scales):
            raise ValueError(f"x: expected {len(self.scales)} maps, one a scale, got {len(x)}")
        if len(box_lists) != x[0].size(0):
            raise ValueError(f"box_lists: expected boxes of {x[0].size(0)} images, got {len(box_lists)}")
        if not box_lists:
            return x[0].new_zeros((0, x[0].size(1), *self.output_size))
        rois = with_image_index([each if isinstance(each, Tensor) else each.tensor for each in box_lists])
        chosen = None
        if len(x) > 1:
            sizes = ((rois[:, 3] - rois[:, 1]) * (rois[:, 4] - rois[:, 2])).sqrt()
            chosen = assigned_maps(
                sizes,
                len(x),
                canonical_size=self.canonical_box_size,
                canonical=self.canonical_level - self.min_level,
                within=sys.float_info.epsilon,
            )
        return pool_assigned(x, rois, chosen, self.output_size, self.scales)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return f"output_size={self.output_size}, scales={self.scales}"
