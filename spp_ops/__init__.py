"""Fast ROI spatial pyramid pooling, and the SPP-net system built on it (He et al., 2014, arXiv 1406.4729)."""

from spp_ops._core.startup import asks_for_words_only

__version__ = "0.1.0"  # the one place; the package's metadata are made of it

if not asks_for_words_only():
    from spp_ops._core import extension

    extension.load()

    from spp_ops import nn, onnx, reference
    from spp_ops._core import register as _register  # noqa: F401  registers with what was just loaded
    from spp_ops._core.build_info import build_info
    from spp_ops.functional import (
        check_rois,
        roi_spatial_pyramid_pool,
        spatial_pyramid_pool,
        split_levels,
    )
    from spp_ops.projection import Projection
    from spp_ops.receptive_field import ReceptiveField, receptive_field

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
