"""Registers with torch what the compiled operators need in Python: fake tensors, derivatives, vmap, autocast.

Shapes are in this file; derivatives of every order, forward and backward, in autograd.py; batches of calls in
vmap.py; batches of gradients in batched_grads.py; autocast in autocast.py.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spp_ops._core import autocast, autograd, batched_grads, vmap
from spp_ops._core.limits import LIMITS

OPS = torch.ops.spp_ops


def _pooled(features: Sequence[Tensor], rois: Tensor, levels: Sequence[int]) -> Tensor:
    bins = sum(rows * columns for rows, columns in zip(levels[::2], levels[1::2], strict=True))
    return features[0].new_empty(rois.size(0), features[0].size(1) * bins)


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool")
@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool_inference")
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
    grad_output: Tensor,
    indices: Tensor,
    sources: Tensor,
    levels: list[int],
    shape: list[int],
    channels_last: list[int],
    deterministic: bool,
) -> list[Tensor]:
    images, channels = shape[:2]
    return [
        grad_output.new_empty(images, height, width, channels).permute(0, 3, 1, 2)
        if last
        else grad_output.new_empty(images, channels, height, width)
        for height, width, last in zip(shape[2::2], shape[3::2], channels_last, strict=True)
    ]


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool_gather")
def _(maps: list[Tensor], indices: Tensor, sources: Tensor, levels: list[int]) -> Tensor:
    return maps[0].new_empty(indices.shape)


@torch.library.register_fake("spp_ops::check_rois")
def _(rois: Tensor, map_index: Tensor | None, images: int, maps: int) -> None:
    return None


@torch.library.register_fake("spp_ops::empty_output")
def _(features: Tensor, rows: int, columns: int) -> Tensor:
    return features.new_empty(rows, columns)


_LIBRARY = torch.library.Library("spp_ops", "FRAGMENT")
autograd.register(_LIBRARY)
vmap.register()
batched_grads.register(_LIBRARY)
autocast.register(_LIBRARY)
