"""Fast ROI spatial pyramid pooling, and the SPP-net system built on it (He et al., 2014, arXiv 1406.4729)."""

from spp_ops._core import extension

extension.load()

from spp_ops import nn, onnx, reference  # noqa: E402
from spp_ops._core import register as _register  # noqa: E402, F401  registers with what was just loaded
from spp_ops._core.build_info import build_info  # noqa: E402
from spp_ops.functional import (  # noqa: E402
    check_rois,
    roi_spatial_pyramid_pool,
    spatial_pyramid_pool,
    split_levels,
)
from spp_ops.projection import Projection  # noqa: E402
from spp_ops.receptive_field import ReceptiveField, receptive_field  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "Projection",
    "ReceptiveField",
    "build_info",
    "check_rois",
    "nn",
    "onnx",
    "receptive_field",
    "reference",
    "roi_spatial_pyramid_pool",
    "spatial_pyramid_pool",
    "split_levels",
]
