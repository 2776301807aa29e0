"""Features of windows: pooled from maps that are computed once, or computed window by window."""

from spp_ops.detection.features.base import WindowFeatures
from spp_ops.detection.features.linear import Dense, dense
from spp_ops.detection.features.regions import FIVE_SCALES, ONE_SCALE, RegionFeatures, ScaledMaps
from spp_ops.detection.features.tiling import Strips
from spp_ops.detection.features.unique import UniqueWindows, unique_windows
from spp_ops.detection.features.warped import RCNNFeatures, warp_windows

__all__ = [
    "FIVE_SCALES",
    "ONE_SCALE",
    "Dense",
    "RCNNFeatures",
    "RegionFeatures",
    "ScaledMaps",
    "Strips",
    "UniqueWindows",
    "WindowFeatures",
    "dense",
    "unique_windows",
    "warp_windows",
]
