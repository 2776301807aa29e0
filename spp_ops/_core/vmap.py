"""vmap: a batch of B calls is one call with B times the images and windows.

A window's image index then counts through the images of all calls, and so do the sources that the pooling operator
returns; outside they count within their own call again.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

OPS = torch.ops.spp_ops


def _to_front(tensor: Tensor, dim: int | None, batch: int) -> Tensor:
    """The batch dimension first; repeated (without a copy) where there is none."""
    return tensor.expand(batch, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


def _fold(tensors: Sequence[Tensor], dims: Sequence[int | None], batch: int) -> list[Tensor]:
    return [_to_front(t, d, batch).flatten(0, 1) for t, d in zip(tensors, dims, strict=True)]


def _unfold(tensor: Tensor, batch: int) -> Tensor:
    return tensor.reshape(batch, tensor.size(0) // batch, *tensor.shape[1:])


def _call_of_row(rows: Tensor) -> Tensor:
    """For `rows` [B, R], which call each belongs to: [B, 1]."""
    return torch.arange(rows.size(0), device=rows.device).unsqueeze(1)


def _count_through(rois: Tensor, images: int) -> Tensor:
    """Image indices of [B, R, 5] counted through all calls; a bad one becomes NaN, lest it name an image of another."""
    rois = rois.float() if rois.dtype in (torch.float16, torch.bfloat16) else rois
    index = rois[..., 0]
    through = torch.where((index >= 0) & (index < images), index + _call_of_row(index) * images, torch.nan)
    return torch.cat([through.unsqueeze(-1), rois[..., 1:]], dim=-1)


def _sources_through(sources: Tensor, images: int) -> Tensor:
    """Sources [B, R], map * N + image or -1, with images counted through all calls."""
    batch = sources.size(0)
    through = sources // images * (batch * images) + _call_of_row(sources) * images + sources % images
    return torch.where(sources < 0, sources, through).to(torch.int32)


def _sources_within(sources: Tensor, images: int) -> Tensor:
    """The inverse of `_sources_through`."""
    within = sources // (sources.size(0) * images) * images + sources % images
    return torch.where(sources < 0, sources, within).to(torch.int32)


def _pool(operator: Any, info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Tensor, ...]:
    """Outputs of a pooling operator for the whole batch, batch first."""
    features, rois, map_index, levels, projections, target_area = inputs
    batch, images = info.batch_size, _size_within(features[0], in_dims[0][0])
    boxes = _to_front(rois, in_dims[1], batch)
    batched_maps = any(d is not None for d in in_dims[0])
    chosen = None if map_index is None else _to_front(map_index, in_dims[2], batch).flatten().contiguous()
    if batched_maps:
        if boxes.device.type == "cpu" and type(boxes) is Tensor:  # while its bad rows still say what they are
            OPS.check_rois(boxes.detach().flatten(0, 1), chosen, images, len(features))
        features, boxes = _fold(features, in_dims[0], batch), _count_through(boxes, images)
    result = operator(features, boxes.flatten(0, 1), chosen, levels, projections, target_area)
    outputs = [_unfold(t, batch) for t in (result if isinstance(result, tuple) else (result,))]
    if batched_maps and len(outputs) > 1:
        outputs[2] = _sources_within(outputs[2], images)
    return tuple(outputs)


def _size_within(tensor: Tensor, dim: int | None) -> int:
    """First size of one call's part of a tensor."""
    return tensor.size(0 if dim is None or dim != 0 else 1)


def _pool_rule(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
    return _pool(OPS.roi_spatial_pyramid_pool, info, in_dims, *inputs)[0], 0


def _pool_inference_rule(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
    return _pool(OPS.roi_spatial_pyramid_pool_inference, info, in_dims, *inputs)[0], 0


def _pool_out_rule(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
    """Into `out` of the whole batch, rows of which must be rows of one matrix."""
    *others, out = inputs
    *other_dims, out_dim = in_dims
    if out_dim is None:
        raise ValueError("out: expected one for each call of vmap, got one for all of them")
    rows = out.movedim(out_dim, 0)
    if rows.size(0) > 1 and rows.size(1) > 1 and rows.stride(0) != rows.size(1) * rows.stride(1):
        raise ValueError(f"out: expected the rows of a batch one after another, got strides {rows.stride()}")

    def into_rows(*arguments: Any) -> tuple[()]:
        OPS.roi_spatial_pyramid_pool_out(*arguments, rows.flatten(0, 1))
        return ()

    _pool(into_rows, info, tuple(other_dims), *others)
    return None, None


def _pool_with_indices_rule(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
    return _pool(OPS.roi_spatial_pyramid_pool_with_indices, info, in_dims, *inputs), (0, 0, 0)


def _check_rule(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
    rois, map_index, images, maps = inputs
    boxes = _to_front(rois, in_dims[0], info.batch_size).flatten(0, 1)
    chosen = None if map_index is None else _to_front(map_index, in_dims[1], info.batch_size).flatten()
    OPS.check_rois(boxes, chosen, images, maps)
    return None, None


def _backward_rule(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
    levels, shape, channels_last, deterministic = inputs[3:]
    batch = info.batch_size
    grad, indices, sources = (_to_front(t, d, batch) for t, d in zip(inputs[:3], in_dims[:3], strict=True))
    maps = OPS.roi_spatial_pyramid_pool_backward(
        grad.flatten(0, 1),
        indices.flatten(0, 1).contiguous(),
        _sources_through(sources, shape[0]).flatten(),
        levels,
        [batch * shape[0], *shape[1:]],
        channels_last,
        deterministic,
    )
    return [_unfold(m, batch) for m in maps], [0] * len(maps)


def _gather_rule(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, Any]:
    maps, indices, sources, levels = inputs
    batch, images = info.batch_size, _size_within(maps[0], in_dims[0][0])
    indices, sources = (_to_front(t, d, batch) for t, d in ((indices, in_dims[1]), (sources, in_dims[2])))
    picked = OPS.roi_spatial_pyramid_pool_gather(
        _fold(maps, in_dims[0], batch),
        indices.flatten(0, 1).contiguous(),
        _sources_through(sources, images).flatten(),
        levels,
    )
    return _unfold(picked, batch), 0


def register() -> None:
    """Give every operator its rule."""
    torch.library.register_vmap("spp_ops::roi_spatial_pyramid_pool", _pool_rule)
    torch.library.register_vmap("spp_ops::roi_spatial_pyramid_pool_inference", _pool_inference_rule)
    torch.library.register_vmap("spp_ops::roi_spatial_pyramid_pool_out", _pool_out_rule)
    torch.library.register_vmap("spp_ops::roi_spatial_pyramid_pool_with_indices", _pool_with_indices_rule)
    torch.library.register_vmap("spp_ops::check_rois", _check_rule)
    torch.library.register_vmap("spp_ops::roi_spatial_pyramid_pool_backward", _backward_rule)
    torch.library.register_vmap("spp_ops::roi_spatial_pyramid_pool_gather", _gather_rule)
