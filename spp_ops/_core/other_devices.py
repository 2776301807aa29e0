"""Devices without kernels, such as MPS and XPU, or CUDA under a build without it: PyTorch operations serve them."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from spp_ops._core import extension, fallback
from spp_ops.projection import Projection

WITH_KERNELS = frozenset({"cpu", "meta"} | ({"cuda"} if extension.build_info()["cuda"] else set()))


def pool(
    maps: Sequence[Tensor],
    rois: Tensor,
    levels: Sequence[tuple[int, int]],
    projections: Sequence[Projection],
    *,
    map_index: Tensor | None,
    target_area: float,
) -> Tensor:
    """`roi_spatial_pyramid_pool` of checked arguments; results and derivatives are the kernels', as on CUDA.

    Says once a type of device that this is slower.
    """
    if not torch.compiler.is_compiling():
        _warn(rois.device.type)
    return fallback.roi_spatial_pyramid_pool(
        maps, rois, levels, projections, map_index=map_index, target_area=target_area
    )


@functools.cache
def _warn(device: str) -> None:
    warnings.warn(
        f"spp_ops: this build has no kernels for {device}; PyTorch operations are used, which is slower", stacklevel=4
    )
