"""The plain call: one map of the CPU, boxes [R, 5], nothing that watches, traces or transforms.

The kernel is ready with one window in less time than Python takes to look at the arguments one by one. So what is
plain is recognized by its types alone, what levels and projections become is kept, and the operator, which refuses
whatever does not fit together, is called once, past the keys of the dispatcher that have nothing to do. Where a call
is not plain, or is refused, the answer is None: the general path of functional.py serves it or says what is wrong.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.overrides import has_torch_function_unary

from spp_ops._core import autograd, checks
from spp_ops._core.torch_internals import below_autograd, below_version_counter, transforms_active
from spp_ops.projection import Projection

_INFERENCE = torch.ops.spp_ops.roi_spatial_pyramid_pool_inference.default
_INTO = torch.ops.spp_ops.roi_spatial_pyramid_pool_out.default
_COUNTED_IMAGES = {torch.float32: 2**24, torch.float64: 2**53}  # as many as boxes of this dtype can tell apart
_KEPT = 64  # levels, rules and sizes of maps that are remembered
_MOST_IMAGES = 1024  # whose whole maps are
_INTS = {int}
_CELLS = Projection.cells()


def pool(
    features: object, rois: object, levels: object, projection: object, target_area: object, out: object
) -> Tensor | None:
    """`functional.roi_spatial_pyramid_pool` where that is plain; else None, and nothing has been written."""
    features, projection = _alone(features), _alone(projection)
    if type(features) is not Tensor or type(rois) is not Tensor or not _are_plain(features, rois):
        return None
    flat_levels, numbers = _levels(levels), _numbers(projection)
    if flat_levels is None or numbers is None or type(target_area) is not float or not 0 < target_area < float("inf"):
        return None
    arguments = (rois, None, flat_levels, numbers, target_area)
    differentiated = torch.is_grad_enabled() and features.requires_grad
    try:
        if out is not None:
            return None if differentiated else _pool_into(out, features, arguments)
        if differentiated:
            return autograd.pool_recorded(features, *arguments)
        with below_autograd():
            pooled: Tensor = _INFERENCE([features], *arguments)
        return pooled
    except (ValueError, RuntimeError):
        return None


def pool_whole(features: object, levels: object) -> Tensor | None:
    """`functional.spatial_pyramid_pool` where that is plain; else None."""
    if torch.compiler.is_compiling() or type(features) is not Tensor or features.is_nested:
        return None
    if features.dim() != 4 or not features.is_cpu:
        return None
    images, _, height, width = features.shape
    if images > _MOST_IMAGES or _is_watched(features):
        return None
    return pool(features, _whole_maps(images, height, width), levels, _CELLS, 1.0, None)


def _alone(given: object) -> object:
    """What a sequence of one holds."""
    return given[0] if type(given) in (list, tuple) and len(given) == 1 else given  # type: ignore[index, arg-type]


def _are_plain(features: Tensor, rois: Tensor) -> bool:
    if torch.compiler.is_compiling():  # what is compared below would be a bound on the sizes that a graph serves
        return False
    counted = _COUNTED_IMAGES.get(rois.dtype)
    return (
        counted is not None
        and features.is_cpu
        and rois.is_cpu
        and features.dim() == 4
        and features.size(0) <= counted
        and not _is_watched(features)
        and unpack_dual(features).tangent is None
    )


def _is_watched(features: Tensor) -> bool:
    """Whether someone looks at calls of functions, or traces, transforms or casts them."""
    return (
        has_torch_function_unary(features)
        or transforms_active()
        or torch.is_autocast_enabled("cpu")
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    )


def _pool_into(out: object, features: Tensor, arguments: tuple[Any, ...]) -> Tensor | None:
    if type(out) is not Tensor or not out.is_cpu or out.is_inference() or unpack_dual(out).tangent is not None:
        return None
    if torch.is_grad_enabled() and out.requires_grad:
        return None
    with below_version_counter():
        _INTO([features], *arguments, out)
    torch.autograd.graph.increment_version(out)
    return out


def _levels(levels: object) -> list[int] | None:
    """Levels as the operator takes them; None where they are not a tuple or list of plain ints."""
    if type(levels) is list:
        levels = tuple(levels)
    # Types are looked at, as True and 1.0 are found where 1 is kept.
    if type(levels) is not tuple or set(map(type, levels)) != _INTS:
        return None
    return _flat_levels(levels)


@functools.lru_cache(_KEPT)
def _flat_levels(levels: tuple[int, ...]) -> list[int] | None:
    try:
        return [number for pair in checks.level_pairs(levels) for number in pair]
    except ValueError:
        return None


def _numbers(projection: object) -> list[float] | None:
    """A rule as the operator takes it; None where it is neither a named rule nor a plain number."""
    if type(projection) is Projection:
        return projection.kept_numbers if projection.name != "custom" else None
    return _rounded_numbers(projection) if type(projection) is float else None


@functools.lru_cache(_KEPT)
def _rounded_numbers(spatial_scale: float) -> list[float] | None:
    try:
        return Projection.rounded(spatial_scale).numbers()
    except ValueError:
        return None


@functools.lru_cache(_KEPT)
def _whole_maps(images: int, height: int, width: int) -> Tensor:
    """Boxes [N, 5] that hold the whole maps."""
    with torch.inference_mode(False), torch.no_grad():
        boxes = torch.zeros(images, 5, dtype=torch.float64)
        boxes[:, 0] = torch.arange(images)
        boxes[:, 3] = width
        boxes[:, 4] = height
    return boxes
