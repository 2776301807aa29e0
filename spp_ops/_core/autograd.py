"""Derivatives of every order, forward and backward.

Pooling picks cells, so it is linear once the picks (`indices`, `sources`) are known: along a direction it is a gather
of the direction at the picks, and its transpose is a scatter. Each of these two is linear, and the other its transpose.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import forward_ad

from spp_ops._core.torch_internals import (
    apply_at_this_level,
    below_autograd,
    below_this_level,
    below_version_counter,
    transforms_active,
)

OPS = torch.ops.spp_ops
Gradients: TypeAlias = tuple[Any, ...]
BEFORE_MAPS_OF_POOL = 5  # inputs of `_Pool` that come first; not in the class, where compiled autograd finds none
BEFORE_MAPS_OF_GATHER = 3


def _is_differentiated(tensors: Sequence[Tensor], *, traced: bool = False) -> bool:
    """Whether a derivative with respect to any of these is to come, backward or forward."""
    if torch.is_grad_enabled() and any(each.requires_grad for each in tensors):
        return True
    # Where a graph is traced, level 0 is entered without `forward_ad`, whose default level is wrong then.
    level = 0 if traced or transforms_active() else None
    return any(forward_ad.unpack_dual(each, level=level).tangent is not None for each in tensors)


def may_skip_autograd(tensor: Tensor) -> bool:
    """Whether kernels of the Autograd key have nothing to do but to look for derivatives: no transform, no trace."""
    return type(tensor) is Tensor and not torch.compiler.is_compiling() and not transforms_active()


def refuse_derivatives(features: Sequence[Tensor], out: Tensor) -> None:
    """Raise a ValueError if a derivative is wanted of what is written into `out`."""
    if _is_differentiated([*features, out]):
        raise ValueError(
            "out: is for inference, got features or out with a gradient or tangent to come; "
            "call under torch.no_grad(), or leave it out"
        )


def _scatter(grad: Tensor, ctx: Any) -> list[Tensor]:
    indices, sources = ctx.saved_tensors
    deterministic = torch.are_deterministic_algorithms_enabled()
    arguments = (grad, indices, sources, ctx.levels, ctx.shape, ctx.channels_last, deterministic)
    scatter = OPS.roi_spatial_pyramid_pool_backward.default
    if may_skip_autograd(grad) and not _is_differentiated([grad]):
        with below_autograd():
            maps: list[Tensor] = scatter(*arguments)
    else:
        maps = scatter(*arguments)
    return maps


def _gather(maps: Sequence[Tensor | None], ctx: Any) -> Tensor | None:
    given = [each for each in maps if each is not None]
    if not given:
        return None
    sizes = [(*ctx.shape[:2], *size) for size in zip(ctx.shape[2::2], ctx.shape[3::2], strict=True)]
    whole = [given[0].new_zeros(size) if m is None else m for m, size in zip(maps, sizes, strict=True)]
    picked: Tensor = OPS.roi_spatial_pyramid_pool_gather(whole, *ctx.saved_tensors, ctx.levels)
    return picked


def _keep_form(ctx: Any, maps: Sequence[Tensor]) -> None:
    """Keep what gradients of the maps look like: N, C and each map's height and width; and its memory format."""
    shape = [maps[0].size(0), maps[0].size(1)]
    for each in maps:
        shape += (each.size(2), each.size(3))
    ctx.shape = shape
    ctx.channels_last = [int(_is_channels_last(m)) for m in maps]


def _is_channels_last(features: Tensor) -> bool:
    # By strides, which a batch of torch.func.vmap has where it refuses to say `is_contiguous(memory_format=...)`.
    channels, (image, channel, row, column) = features.size(1), features.stride()
    return channel == 1 and column == channels and row >= column and image >= row and channels > 1


def _keep_picks(ctx: Any, indices: Tensor, sources: Tensor) -> None:
    ctx.save_for_backward(indices, sources)
    ctx.save_for_forward(indices, sources)


def _keeps_signature(forward: Callable[..., Any]) -> Callable[..., Any]:
    """`Function.apply` asks for the signature of `forward` in every call; found once, it is there."""
    forward.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    return forward


class _Pool(torch.autograd.Function):
    """Maps come last: rois, map_index, levels, projections, target_area, *features -> output, indices, sources."""

    @staticmethod
    @_keeps_signature
    def forward(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        others, maps = inputs[:BEFORE_MAPS_OF_POOL], list(inputs[BEFORE_MAPS_OF_POOL:])
        with below_this_level():
            picked: tuple[Tensor, Tensor, Tensor] = OPS.roi_spatial_pyramid_pool_with_indices(maps, *others)
        return picked

    @staticmethod
    def setup_context(ctx: Any, inputs: Gradients, output: tuple[Tensor, Tensor, Tensor]) -> None:
        _, indices, sources = output
        ctx.mark_non_differentiable(indices, sources)
        ctx.set_materialize_grads(False)  # zeros as gradient of the indices would cost as much memory as they do
        ctx.levels = inputs[2]
        _keep_picks(ctx, indices, sources)
        _keep_form(ctx, inputs[BEFORE_MAPS_OF_POOL:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_: Any) -> Gradients:
        maps = [None] * len(ctx.channels_last) if grad is None else _scatter(grad, ctx)
        return (*[None] * BEFORE_MAPS_OF_POOL, *maps)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Gradients:
        return _gather(tangents[BEFORE_MAPS_OF_POOL:], ctx), None, None


class _Scatter(torch.autograd.Function):
    """grad_output, indices, sources, levels, shape, channels_last, deterministic -> one gradient a map."""

    @staticmethod
    @_keeps_signature
    def forward(*inputs: Any) -> tuple[Tensor, ...]:
        with below_this_level():
            return tuple(OPS.roi_spatial_pyramid_pool_backward(*inputs))

    @staticmethod
    def setup_context(ctx: Any, inputs: Gradients, output: tuple[Tensor, ...]) -> None:
        _, indices, sources, ctx.levels, ctx.shape, ctx.channels_last, _ = inputs
        ctx.set_materialize_grads(False)
        _keep_picks(ctx, indices, sources)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Gradients:
        return _gather(grads, ctx), *[None] * 6

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> Gradients:
        return tuple(_scatter(tangent, ctx))


class _Gather(torch.autograd.Function):
    """Maps come last: indices, sources, levels, *maps -> the maps at the picks."""

    @staticmethod
    @_keeps_signature
    def forward(*inputs: Any) -> Tensor:
        others, maps = inputs[:BEFORE_MAPS_OF_GATHER], list(inputs[BEFORE_MAPS_OF_GATHER:])
        with below_this_level():
            picked: Tensor = OPS.roi_spatial_pyramid_pool_gather(maps, *others)
        return picked

    @staticmethod
    def setup_context(ctx: Any, inputs: Gradients, output: Tensor) -> None:
        indices, sources, ctx.levels = inputs[:BEFORE_MAPS_OF_GATHER]
        ctx.set_materialize_grads(False)
        _keep_picks(ctx, indices, sources)
        _keep_form(ctx, inputs[BEFORE_MAPS_OF_GATHER:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None) -> Gradients:
        maps = [None] * len(ctx.channels_last) if grad is None else _scatter(grad, ctx)
        return (*[None] * BEFORE_MAPS_OF_GATHER, *maps)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor | None:
        return _gather(tangents[BEFORE_MAPS_OF_GATHER:], ctx)


def _pool_with_indices(features: list[Tensor], *others: Any) -> tuple[Tensor, Tensor, Tensor]:
    picked: tuple[Tensor, Tensor, Tensor] = apply_at_this_level(_Pool, *others, *features)
    return picked


def pool_recorded(features: Tensor, *others: Any) -> Tensor:
    """Pool one map with a derivative to come, outside of any transform."""
    pooled: Tensor = _Pool.apply(*others, features)[0]
    return pooled


def _pool(features: list[Tensor], *others: Any) -> Tensor:
    """Without a derivative to come, no indices are kept."""
    if _is_differentiated(features, traced=type(features[0]) is not Tensor):
        return _pool_with_indices(features, *others)[0]
    with below_autograd():
        # Not the operator itself: graphs below autograd, as AOTInductor compiles them, then hold one that needs no
        # kernel in Python, and so no interpreter.
        pooled: Tensor = OPS.roi_spatial_pyramid_pool_inference(features, *others)
    return pooled


def _pool_out(features: list[Tensor], *others: Any) -> None:
    refuse_derivatives(features, others[-1])
    _write(features, *others)


def _write(features: list[Tensor], *others: Any) -> None:
    """Write into `out`, and let autograd know that what it held is gone."""
    out: Tensor = others[-1]
    if not out.is_inference():
        torch.autograd.graph.increment_version(out)
    with below_version_counter():
        OPS.roi_spatial_pyramid_pool_out(features, *others)


def _backward(*inputs: Any) -> list[Tensor]:
    return list(apply_at_this_level(_Scatter, *inputs))


def _gather_maps(maps: list[Tensor], *others: Any) -> Tensor:
    picked: Tensor = apply_at_this_level(_Gather, *others, *maps)
    return picked


def register(library: torch.library.Library) -> None:
    """Make the operators differentiable."""
    library.impl("roi_spatial_pyramid_pool", _pool, "Autograd")
    library.impl("roi_spatial_pyramid_pool_with_indices", _pool_with_indices, "Autograd")
    library.impl("roi_spatial_pyramid_pool_backward", _backward, "Autograd")
    library.impl("roi_spatial_pyramid_pool_gather", _gather_maps, "Autograd")
    library.impl("roi_spatial_pyramid_pool_out", _pool_out, "Autograd")
    library.impl("roi_spatial_pyramid_pool_out", _write, "ADInplaceOrView")
