"""`torch.autograd.grad(..., is_grads_batched=True)`, and what stands on it: `jacobian(vectorize=True)`, gradcheck.

It knows an operator of Tensors alone, which it calls once a gradient, but no rules for lists of them. So the two
operators that a derivative calls have a twin here whose maps are one tensor, one map after another.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

OPS = torch.ops.spp_ops


def _flat(maps: Sequence[Tensor]) -> Tensor:
    return torch.cat([each.reshape(-1) for each in maps])


def _maps(flat: Tensor, shape: Sequence[int]) -> list[Tensor]:
    """The maps of `flat`; `shape` is N, C and each map's height and width."""
    images, channels = shape[:2]
    sizes = [(images, channels, *size) for size in zip(shape[2::2], shape[3::2], strict=True)]
    maps = []
    start = 0
    for size in sizes:
        cells = torch.Size(size).numel()
        maps.append(flat.narrow(0, start, cells).view(size))
        start += cells
    return maps


def _backward_flat(
    grad_output: Tensor, indices: Tensor, sources: Tensor, levels: list[int], shape: list[int], deterministic: bool
) -> Tensor:
    planes = [0] * (len(shape) // 2 - 1)
    return _flat(
        OPS.roi_spatial_pyramid_pool_backward(grad_output, indices, sources, levels, shape, planes, deterministic)
    )


def _gather_flat(maps: Tensor, indices: Tensor, sources: Tensor, levels: list[int], shape: list[int]) -> Tensor:
    picked: Tensor = OPS.roi_spatial_pyramid_pool_gather(_maps(maps, shape), indices, sources, levels)
    return picked


def _backward(
    grad_output: Tensor,
    indices: Tensor,
    sources: Tensor,
    levels: list[int],
    shape: list[int],
    _channels_last: list[int],
    deterministic: bool,
) -> list[Tensor]:
    flat = OPS.roi_spatial_pyramid_pool_backward_flat(grad_output, indices, sources, levels, shape, deterministic)
    return _maps(flat, shape)


def _gather(maps: list[Tensor], *others: Any) -> Tensor:
    shape = [*maps[0].shape[:2], *(size for m in maps for size in m.shape[2:])]
    picked: Tensor = OPS.roi_spatial_pyramid_pool_gather_flat(_flat(maps), *others, shape)
    return picked


def register(library: torch.library.Library) -> None:
    """Define the twins and let batches of gradients take them."""
    library.define(
        "roi_spatial_pyramid_pool_backward_flat(Tensor grad_output, Tensor indices, Tensor sources, int[] levels, "
        "SymInt[] shape, bool deterministic) -> Tensor"
    )
    library.define(
        "roi_spatial_pyramid_pool_gather_flat(Tensor maps, Tensor indices, Tensor sources, int[] levels, "
        "SymInt[] shape) -> Tensor"
    )
    library.impl("roi_spatial_pyramid_pool_backward_flat", _backward_flat, "CompositeImplicitAutograd")
    library.impl("roi_spatial_pyramid_pool_gather_flat", _gather_flat, "CompositeImplicitAutograd")
    library.impl("roi_spatial_pyramid_pool_backward", _backward, "Batched")
    library.impl("roi_spatial_pyramid_pool_gather", _gather, "Batched")
