"""What the compiled operators need in Python: fake tensors, derivatives of every order, autocast.

Pooling picks cells, so it is linear once the picks (`indices`, `sources`) are known. Its derivative is
`..._backward` (scatter), whose derivative is `..._gather`, whose derivative is `..._backward` again.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

OPS = torch.ops.spp_ops
MAX_CELLS_16 = 65535  # maps of up to this many cells have 16-bit indices (csrc/kernels/roi_spp.h)


def total_bins(levels: Sequence[int]) -> int:
    """Bins of all levels together; `levels` is rows, columns, rows, columns, ..."""
    return sum(rows * columns for rows, columns in zip(levels[::2], levels[1::2], strict=True))


def _shape(maps: Sequence[Tensor]) -> list[int]:
    """N, C and each map's height and width, as the backward operator takes them."""
    return [maps[0].size(0), maps[0].size(1), *(size for m in maps for size in m.shape[2:])]


# Fake tensors -----------------------------------------------------------------------------------------------------------


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool")
def _(features: list[Tensor], rois: Tensor, map_index: Tensor | None, levels: list[int], *_: Any) -> Tensor:
    return features[0].new_empty(rois.size(0), features[0].size(1) * total_bins(levels))


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool_out")
def _(features: list[Tensor], rois: Tensor, map_index: Tensor | None, levels: list[int], *_: Any) -> None:
    return None


@torch.library.register_fake("spp_ops::roi_spatial_pyramid_pool_with_indices")
def _(
    features: list[Tensor], rois: Tensor, map_index: Tensor | None, levels: list[int], *_: Any
) -> tuple[Tensor, Tensor, Tensor]:
    output = features[0].new_empty(rois.size(0), features[0].size(1) * total_bins(levels))
    small = all(m.size(2) * m.size(3) <= MAX_CELLS_16 for m in features)
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


# Derivatives ------------------------------------------------------------------------------------------------------------


def _scatter(grad_output: Tensor, ctx: Any) -> list[Tensor]:
    indices, sources = ctx.saved_tensors
    deterministic = torch.are_deterministic_algorithms_enabled()
    grads: list[Tensor] = OPS.roi_spatial_pyramid_pool_backward(
        grad_output, indices, sources, ctx.levels, ctx.shape, deterministic
    )
    return grads


def _setup_pool(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    features, _, _, levels, *_ = inputs
    _, indices, sources = output
    ctx.save_for_backward(indices, sources)
    ctx.mark_non_differentiable(indices, sources)
    ctx.set_materialize_grads(False)
    ctx.levels, ctx.shape = levels, _shape(features)


def _pool_backward(ctx: Any, grad_output: Tensor | None, *_: Any) -> tuple[Any, ...]:
    maps = len(ctx.shape) // 2 - 1
    grads = [None] * maps if grad_output is None else _scatter(grad_output, ctx)
    return grads, None, None, None, None, None


def _setup_scatter(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    _, indices, sources, levels, shape, _ = inputs
    ctx.save_for_backward(indices, sources)
    ctx.levels, ctx.shape = levels, shape


def _scatter_backward(ctx: Any, grad_maps: list[Tensor]) -> tuple[Any, ...]:
    indices, sources = ctx.saved_tensors
    grad = OPS.roi_spatial_pyramid_pool_gather(grad_maps, indices, sources, ctx.levels)
    return grad, None, None, None, None, None


def _setup_gather(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    maps, indices, sources, levels = inputs
    ctx.save_for_backward(indices, sources)
    ctx.levels, ctx.shape = levels, _shape(maps)


def _gather_backward(ctx: Any, grad_output: Tensor) -> tuple[Any, ...]:
    return _scatter(grad_output, ctx), None, None, None


torch.library.register_autograd(
    "spp_ops::roi_spatial_pyramid_pool_with_indices", _pool_backward, setup_context=_setup_pool
)
torch.library.register_autograd(
    "spp_ops::roi_spatial_pyramid_pool_backward", _scatter_backward, setup_context=_setup_scatter
)
torch.library.register_autograd("spp_ops::roi_spatial_pyramid_pool_gather", _gather_backward, setup_context=_setup_gather)

_LIBRARY = torch.library.Library("spp_ops", "IMPL")


def _pool_autograd(features: list[Tensor], *arguments: Any) -> Tensor:
    """Without a derivative to come, no indices are kept."""
    if torch.is_grad_enabled() and any(m.requires_grad for m in features):
        output: Tensor = OPS.roi_spatial_pyramid_pool_with_indices(features, *arguments)[0]
        return output
    with torch._C._AutoDispatchBelowAutograd():
        pooled: Tensor = OPS.roi_spatial_pyramid_pool(features, *arguments)
        return pooled


_LIBRARY.impl("roi_spatial_pyramid_pool", _pool_autograd, "Autograd")
