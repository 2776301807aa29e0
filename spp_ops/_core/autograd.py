"""Derivatives of every order, forward and backward.

Pooling picks cells, so it is linear once the picks (`indices`, `sources`) are known: along a direction it is a gather
of the direction at the picks, and its transpose is a scatter. Each of these two is linear, and the other its transpose.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad
from torch.autograd.function import _SingleLevelFunction

OPS = torch.ops.spp_ops
Gradients: TypeAlias = tuple[Any, ...]


def _scatter(grad: Tensor, ctx: Any) -> list[Tensor]:
    indices, sources = ctx.saved_tensors
    deterministic = torch.are_deterministic_algorithms_enabled()
    maps: list[Tensor] = OPS.roi_spatial_pyramid_pool_backward(
        grad, indices, sources, ctx.levels, ctx.shape, deterministic
    )
    return maps


def _gather(maps: Sequence[Tensor], ctx: Any) -> Tensor:
    indices, sources = ctx.saved_tensors
    picked: Tensor = OPS.roi_spatial_pyramid_pool_gather(list(maps), indices, sources, ctx.levels)
    return picked


def _shape_of(maps: Sequence[Tensor]) -> list[int]:
    """N, C and each map's height and width, as the backward operator takes them."""
    return [maps[0].size(0), maps[0].size(1), *(size for m in maps for size in m.shape[2:])]


def _zeros_for_none(given: Sequence[Tensor | None], shape: Sequence[int]) -> list[Tensor]:
    """Maps of the given shape, zero where there is none."""
    like = next(m for m in given if m is not None)
    sizes = [(*shape[:2], *size) for size in zip(shape[2::2], shape[3::2], strict=True)]
    return [like.new_zeros(size) if m is None else m for m, size in zip(given, sizes, strict=True)]


@contextmanager
def _below_this_level() -> Iterator[None]:
    """Past this level's autograd; an outer level of torch.func's transforms still records."""
    with torch.enable_grad(), forward_ad._set_fwd_grad_enabled(True), torch._C._AutoDispatchBelowAutograd():
        yield


class _Pool(_SingleLevelFunction):
    """Maps come last: rois, map_index, levels, projections, target_area, *features -> output, indices, sources."""

    BEFORE_MAPS = 5

    @staticmethod
    def forward(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        others, maps = inputs[: _Pool.BEFORE_MAPS], list(inputs[_Pool.BEFORE_MAPS :])
        with _below_this_level():
            picked: tuple[Tensor, Tensor, Tensor] = OPS.roi_spatial_pyramid_pool_with_indices(maps, *others)
        return picked

    @staticmethod
    def setup_context(ctx: Any, inputs: Gradients, output: tuple[Tensor, Tensor, Tensor]) -> None:
        _, indices, sources = output
        ctx.mark_non_differentiable(indices, sources)
        ctx.set_materialize_grads(False)  # zeros as gradient of the indices would cost as much memory as they do
        ctx.save_for_backward(indices, sources)
        ctx.save_for_forward(indices, sources)
        ctx.levels, ctx.shape = inputs[2], _shape_of(inputs[_Pool.BEFORE_MAPS :])

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_: Any) -> Gradients:
        maps = (None,) * (len(ctx.shape) // 2 - 1) if grad is None else _scatter(grad, ctx)
        return (*(None,) * _Pool.BEFORE_MAPS, *maps)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Gradients:
        maps = _zeros_for_none(tangents[_Pool.BEFORE_MAPS :], ctx.shape)
        return _gather(maps, ctx), None, None


class _Scatter(_SingleLevelFunction):
    """grad_output, indices, sources, levels, shape, deterministic -> one gradient a map."""

    @staticmethod
    def forward(*inputs: Any) -> tuple[Tensor, ...]:
        with _below_this_level():
            return tuple(OPS.roi_spatial_pyramid_pool_backward(*inputs))

    @staticmethod
    def setup_context(ctx: Any, inputs: Gradients, output: tuple[Tensor, ...]) -> None:
        _, indices, sources, ctx.levels, ctx.shape, _ = inputs
        ctx.save_for_backward(indices, sources)
        ctx.save_for_forward(indices, sources)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Gradients:
        return _gather(grads, ctx), None, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> Gradients:
        return tuple(_scatter(tangent, ctx))


class _Gather(_SingleLevelFunction):
    """Maps come last: indices, sources, levels, *maps -> the maps at the picks."""

    BEFORE_MAPS = 3

    @staticmethod
    def forward(*inputs: Any) -> Tensor:
        with _below_this_level():
            picked: Tensor = OPS.roi_spatial_pyramid_pool_gather(list(inputs[3:]), *inputs[:3])
        return picked

    @staticmethod
    def setup_context(ctx: Any, inputs: Gradients, output: Tensor) -> None:
        indices, sources, ctx.levels = inputs[: _Gather.BEFORE_MAPS]
        ctx.save_for_backward(indices, sources)
        ctx.save_for_forward(indices, sources)
        ctx.shape = _shape_of(inputs[_Gather.BEFORE_MAPS :])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Gradients:
        return None, None, None, *_scatter(grad, ctx)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        maps = _zeros_for_none(tangents[_Gather.BEFORE_MAPS :], ctx.shape)
        return _gather(maps, ctx)


def _apply(function: Any, *inputs: Any) -> Any:
    """Record the derivative at the level the dispatcher is at.

    torch.func's transforms nest; the dispatcher goes through their levels one by one, and what is below this one is its
    business. `torch.autograd.Function.apply` would go through all of them by itself and then not come back here.
    """
    if not torch._C._are_functorch_transforms_active():
        return function.apply(*inputs)
    with enable_single_level_autograd_function():
        return function.apply(*inputs)


def _pool_with_indices(features: list[Tensor], *others: Any) -> tuple[Tensor, Tensor, Tensor]:
    picked: tuple[Tensor, Tensor, Tensor] = _apply(_Pool, *others, *features)
    return picked


def _pool(features: list[Tensor], *others: Any) -> Tensor:
    """Without a derivative to come, no indices are kept."""
    backward = torch.is_grad_enabled() and any(m.requires_grad for m in features)
    if backward or forward_ad._current_level >= 0:
        return _pool_with_indices(features, *others)[0]
    with torch._C._AutoDispatchBelowAutograd():
        pooled: Tensor = OPS.roi_spatial_pyramid_pool(features, *others)
    return pooled


def _backward(*inputs: Any) -> list[Tensor]:
    return list(_apply(_Scatter, *inputs))


def _gather_maps(maps: list[Tensor], *others: Any) -> Tensor:
    picked: Tensor = _apply(_Gather, *others, *maps)
    return picked


def register(library: torch.library.Library) -> None:
    """Make the operators differentiable."""
    library.impl("roi_spatial_pyramid_pool", _pool, "Autograd")
    library.impl("roi_spatial_pyramid_pool_with_indices", _pool_with_indices, "Autograd")
    library.impl("roi_spatial_pyramid_pool_backward", _backward, "Autograd")
    library.impl("roi_spatial_pyramid_pool_gather", _gather_maps, "Autograd")
