"""Fast ROI spatial pyramid pooling, and the SPP-net system built on it (He et al., 2014, arXiv 1406.4729)."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

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
        empty_output,
        roi_spatial_pyramid_pool,
        spatial_pyramid_pool,
        split_levels,
    )
    from spp_ops.projection import Projection
    from spp_ops.receptive_field import ReceptiveField

if TYPE_CHECKING:  # `receptive_field` is a module that can be called; a checker of types knows it as the function
    from spp_ops import classification as classification
    from spp_ops import compat as compat
    from spp_ops import datasets as datasets
    from spp_ops import detection as detection
    from spp_ops import models as models
    from spp_ops.receptive_field import receptive_field

__all__ = [
    "Projection",
    "ReceptiveField",
    "build_info",
    "check_rois",
    "empty_output",
    "nn",
    "onnx",
    "receptive_field",
    "reference",
    "roi_spatial_pyramid_pool",
    "spatial_pyramid_pool",
    "split_levels",
]

_LAZY = frozenset({"classification", "compat", "datasets", "detection", "models"})  # what they import takes seconds


def __getattr__(name: str) -> ModuleType:
    """Import a part of the system when it is first named."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_LAZY})
