"""Object detection: windows of a photo, their features, and the per-window baseline."""

from spp_ops.detection.features import WindowFeatures
from spp_ops.detection.proposals import selective_search
from spp_ops.detection.rcnn import RCNNFeatures, warp_windows
from spp_ops.detection.regions import FIVE_SCALES, ONE_SCALE, RegionFeatures, ScaledMaps

__all__ = [
    "FIVE_SCALES",
    "ONE_SCALE",
    "RCNNFeatures",
    "RegionFeatures",
    "ScaledMaps",
    "WindowFeatures",
    "selective_search",
    "warp_windows",
]
