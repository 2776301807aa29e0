"""The operator as modules, for use inside networks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from spp_ops._core import checks
from spp_ops._core.checks import Levels
from spp_ops.functional import DEFAULT_LEVELS, DEFAULT_TARGET_AREA, roi_spatial_pyramid_pool, spatial_pyramid_pool
from spp_ops.projection import Projections


class SpatialPyramidPool2d(nn.Module):
    """Pool whole maps of any size to rows of one length: the layer between convolutional and linear ones.

    Args:
        levels: numbers of bins along each side, or (rows, columns) pairs.
    """

    def __init__(self, levels: int | Levels = DEFAULT_LEVELS) -> None:
        super().__init__()
        self.levels = checks.level_tuple(levels)

    def forward(self, features: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C * M], M bins in all; levels in the order given, each (channel, row, column)."""
        return spatial_pyramid_pool(features, self.levels)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return f"levels={self.levels}"


class RoISpatialPyramidPool(nn.Module):
    """Pool regions of interest from one map or several; see `spp_ops.roi_spatial_pyramid_pool`.

    Args:
        levels: numbers of bins along each side, or (rows, columns) pairs.
        projection: a `Projection`, or a number: the spatial scale of `Projection.rounded`; or one of either per map.
        target_area: with several maps and no map_index, the area in pixels that chooses a window's map.
    """

    def __init__(
        self,
        levels: int | Levels = DEFAULT_LEVELS,
        projection: Projections = 1.0,
        target_area: float = DEFAULT_TARGET_AREA,
    ) -> None:
        super().__init__()
        self.levels = checks.level_tuple(levels)
        self.projection = projection
        self.target_area = target_area

    def forward(
        self, features: Tensor | Sequence[Tensor], rois: Tensor | Sequence[Tensor], map_index: Tensor | None = None
    ) -> Tensor:
        """Features [N, C, H, W] or one map an image scale, and rois [R, 5] or N tensors [R_i, 4] -> [R, C * M]."""
        return roi_spatial_pyramid_pool(
            features, rois, self.levels, self.projection, map_index=map_index, target_area=self.target_area
        )

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return f"levels={self.levels}, projection={self.projection}"
