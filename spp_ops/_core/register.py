"""Registers with torch what the compiled operators need in Python: fake tensors, derivatives, vmap, autocast.

Shapes are in this file; derivatives of every order, forward and backward, in autograd.py; batches of calls in
vmap.py; autocast in autocast.py.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spp_ops._core import autocast, autograd, vmap
from spp_ops._core.limits import LIMITS

OPS = torch.ops.spp_ops


def _pooled(features: Sequence[Tensor], rois: Tensor, levels: Sequence[int]) -> Tensor:
    bins = sum(rows * columns for rows, columns in zip(levels[::2], levels[1::2], strict=True))
    return features[0].new_empty(rois.size(0), features[0].size(1) * bins)


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool")
def _(features: list[Tensor], rois: Tensor, map_index: Tensor | None, levels: list[int], *_: Any) -> Tensor:
    return _pooled(features, rois, levels)


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool_out")
def _(features: list[Tensor], rois: Tensor, map_index: Tensor | None, levels: list[int], *_: Any) -> None:
    return None


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool_with_indices")
def _(
    features: list[Tensor], rois: Tensor, map_index: Tensor | None, levels: list[int], *_: Any
) -> tuple[Tensor, Tensor, Tensor]:
    output = _pooled(features, rois, levels)
    small = all(m.size(2) * m.size(3) <= LIMITS.cells_16 for m in features)
    indices = torch.empty_like(output, dtype=torch.int16 if small else torch.int32)
    return output, indices, rois.new_empty(rois.size(0), dtype=torch.int32)


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool_backward")
def _(
    grad_output: Tensor, indices: Tensor, sources: Tensor, levels: list[int], shape: list[int], deterministic: bool
) -> list[Tensor]:
    sizes = zip(shape[2::2], shape[3::2], strict=True)
    return [grad_output.new_empty(shape[0], shape[1], height, width) for height, width in sizes]


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool_gather")
def _(maps: list[Tensor], indices: Tensor, sources: Tensor, levels: list[int]) -> Tensor:
    return maps[0].new_empty(indices.shape)


_LIBRARY = torch.library.Library("spp_ops", "IMPL")
autograd.register(_LIBRARY)
vmap.register()
autocast.register(_LIBRARY)
