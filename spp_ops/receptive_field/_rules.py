"""What each of PyTorch's operations does to the layout of a map.

An operation is a name of ATen, with its arguments by name and the meta tensor it returned. Where no operand runs along
the image, nothing does afterwards; the rules here are for the others. An operation without a rule that is no
composition of others has no receptive field that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from spp_ops.receptive_field._field import NoFieldError
from spp_ops.receptive_field._layout import Dimension, Layout, Part, axis_of, broadcast, is_spatial, plain, reshaped


class Call(NamedTuple):
    """One call of an operation."""

    name: str
    values: dict[str, Any]  # arguments by the schema's names, defaults included
    layout_of: Callable[[Tensor], Layout]
    result: Tensor  # the first, where there are several

    @property
    def input(self) -> Layout:
        """Layout of the first argument."""
        return self.layout_of(next(iter(self.values.values())))

    def along(self, dim: int) -> int:
        """A dimension of the first argument, counted from the front."""
        return dim % len(self.input)


Rule: TypeAlias = Callable[[Call], Layout]


def alike(call: Call) -> Layout:
    """Every place by itself. Normalization counts so: it scales what a cell sees and does not move it."""
    operands = [call.layout_of(each) for value in call.values.values() for each in _tensors(value)]
    return broadcast(operands, call.result.shape)


def _tensors(value: object) -> list[Tensor]:
    return [each for each in (value if isinstance(value, list | tuple) else [value]) if isinstance(each, Tensor)]


def _fresh(call: Call) -> Layout:
    return plain(call.result.shape)


def _reshape(call: Call) -> Layout:
    return reshaped(call.input, call.result.shape)


def _permute(call: Call) -> Layout:
    return tuple(call.input[call.along(dim)] for dim in call.values["dims"])


def _transpose(call: Call) -> Layout:
    layout = list(call.input)
    one, other = (call.along(call.values[name]) for name in ("dim0", "dim1"))
    layout[one], layout[other] = layout[other], layout[one]
    return tuple(layout)


def _unsqueeze(call: Call) -> Layout:
    dim = call.values["dim"] % (len(call.input) + 1)
    return (*call.input[:dim], (Part(1),), *call.input[dim:])


def _expand(call: Call) -> Layout:
    return broadcast([call.input], call.result.shape)


def _slice(call: Call) -> Layout:
    dim, step = call.along(call.values["dim"]), call.values["step"]
    start = call.values["start"] or 0
    axis, extent = axis_of(call.input[dim]), call.result.shape[dim]
    if axis is not None and start < 0:
        raise NoFieldError("counts cells from the end of a map")
    kept = (Part(extent, None if axis is None else axis.after(1, step, -start)),)
    return (*call.input[:dim], kept, *call.input[dim + 1 :])


def _other_dimension(call: Call) -> Layout:
    """Operations that cut, reorder or look up along one or several dimensions, none of them the image's."""
    named = call.values.get("dim", call.values.get("dims", 0))
    dims = [call.along(dim) for dim in ([named] if isinstance(named, int) else named)]
    if any(is_spatial(call.input[dim]) for dim in dims):
        raise NoFieldError(f"{call.name}() works along the map")
    if call.result.dim() < len(call.input):
        return tuple(dimension for d, dimension in enumerate(call.input) if d not in dims)
    sizes = call.result.shape
    return tuple((Part(sizes[d]),) if d in dims else dimension for d, dimension in enumerate(call.input))


def _concatenate(call: Call) -> Layout:
    layouts = [call.layout_of(each) for each in call.values["tensors"]]
    dim = call.values["dim"] % call.result.dim()
    if call.name == "stack":
        layouts = [(*layout[:dim], (Part(1),), *layout[dim:]) for layout in layouts]
    if any(is_spatial(layout[dim]) for layout in layouts):
        raise NoFieldError("concatenates along the map")
    return broadcast(layouts, call.result.shape)


def _reduce(call: Call) -> Layout:
    """What is gathered over the whole map (a gate's mean, say) tells nothing of where a cell looks."""
    named = call.values.get("dim")
    every = range(len(call.input))
    dims = [call.along(dim) for dim in ([named] if isinstance(named, int) else named or every)]
    kept = ((Part(1),) if d in dims else dimension for d, dimension in enumerate(call.input))
    if call.values.get("keepdim", False):
        return tuple(kept)
    return tuple(dimension for d, dimension in enumerate(call.input) if d not in dims)


def _numbers(value: int | Sequence[int], count: int) -> list[int]:
    """One number for each of `count` dimensions."""
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers * count if len(numbers) == 1 else numbers


def _slid(call: Call, kernel: Sequence[int], stride: Any, padding: Any, dilation: Any) -> Layout:
    """A window slides along the last dimensions."""
    first = len(call.input) - len(kernel)
    dimensions: list[Dimension] = list(call.input[:first])
    steps = zip(kernel, *(_numbers(each, len(kernel)) for each in (stride, padding, dilation)), strict=True)
    for d, (k, s, p, dilated) in enumerate(steps, first):
        if (k, s, p) == (1, 1, 0):
            dimensions.append(call.input[d])
            continue
        axis = axis_of(call.input[d])
        seen = None if axis is None else axis.after(dilated * (k - 1) + 1, s, p)
        dimensions.append((Part(call.result.shape[d], seen),))
    return tuple(dimensions)


def _convolve(call: Call) -> Layout:
    v, weight = call.values, call.values["weight"]
    kernel = list(weight.shape[2:])
    channels = len(call.input) - len(kernel) - 1
    if is_spatial(call.input[channels]) or any(map(is_spatial, call.layout_of(weight))) or v.get("transposed"):
        raise NoFieldError(f"{call.name}() has no receptive field that is known")
    padding = v["padding"]
    if isinstance(padding, str):
        dilation = _numbers(v["dilation"], len(kernel))
        same = [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
        padding = same if padding == "same" else 0
    layout = _slid(call, kernel, v["stride"], padding, v["dilation"])
    return (*layout[:channels], (Part(call.result.shape[channels]),), *layout[channels + 1 :])


def _pool(call: Call) -> Layout:
    v = call.values
    kernel = _numbers(v["kernel_size"], int(call.name.split("_pool")[1][0]))
    return _slid(call, kernel, v["stride"] or kernel, v["padding"], v.get("dilation", 1))


def _adaptive_pool(call: Call) -> Layout:
    dimensions = []
    for dimension, before, after in zip(call.input, _sizes(call.input), call.result.shape, strict=True):
        if before == after:
            dimensions.append(dimension)
        elif after == 1 or not is_spatial(dimension):
            dimensions.append((Part(after),))
        else:
            raise NoFieldError(f"{call.name}() has bins whose size follows the map's")
    return tuple(dimensions)


def _sizes(layout: Layout) -> list[int]:
    return [torch.Size(part.extent for part in dimension).numel() for dimension in layout]


def _pad(call: Call) -> Layout:
    """However the border is filled, it counts as zeros."""
    pads = call.values.get("pad", call.values.get("padding"))
    assert pads is not None
    dimensions = list(call.input)
    for d, low in enumerate(pads[::2], 1):
        if pads[2 * d - 2] or pads[2 * d - 1]:
            axis = axis_of(dimensions[-d])
            dimensions[-d] = (Part(call.result.shape[-d], None if axis is None else axis.after(1, 1, low)),)
    return tuple(dimensions)


def _upsample(call: Call) -> Layout:
    if call.values.get("align_corners"):
        raise NoFieldError("upsamples with aligned corners")
    return _enlarged(call, {"upsample_bilinear2d": 1, "upsample_bicubic2d": 2}.get(call.name, 0))


def _enlarged(call: Call, reach: int = 0) -> Layout:
    dimensions = list(call.input)
    for d in (-2, -1):
        axis, before, after = axis_of(call.input[d]), _sizes(call.input)[d], call.result.shape[d]
        if axis is None or after % before:
            raise NoFieldError(f"{call.name}() resizes {before} cells to {after}")
        if after != before:
            dimensions[d] = (Part(after, axis.enlarged(after // before, reach)),)
    return tuple(dimensions)


def _pixel_shuffle(call: Call) -> Layout:
    layout = _enlarged(call)
    return (*layout[:-3], (Part(call.result.shape[-3]),), *layout[-2:])


def _pixel_unshuffle(call: Call) -> Layout:
    factor = call.values["downscale_factor"]
    layout = _slid(call, [factor, factor], factor, 0, 1)
    return (*layout[:-3], (Part(call.result.shape[-3]),), *layout[-2:])


def _linear(call: Call) -> Layout:
    if is_spatial(call.input[-1]):
        raise NoFieldError("is a linear layer along the map")
    return (*call.input[:-1], (Part(call.result.shape[-1]),))


def _multiply(call: Call) -> Layout:
    """A product of matrices [..., I, K] and [..., K, J]."""
    left, right = (call.layout_of(each) for each in list(call.values.values())[-2:] if isinstance(each, Tensor))
    result = (*broadcast([left[:-2], right[:-2]], call.result.shape[:-2]), left[-2], right[-1])
    if is_spatial(left[-1]) or is_spatial(right[-2]):
        if any(map(is_spatial, result)):
            raise NoFieldError("attends over the whole map")
        return plain(call.result.shape)
    return result


_NAMES: dict[Rule, str] = {
    alike: "hardswish hardsigmoid prelu _prelu_kernel rrelu dropout dropout_ feature_dropout alpha_dropout "
    "feature_alpha_dropout batch_norm native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training "
    "layer_norm native_layer_norm group_norm native_group_norm instance_norm rms_norm softmax _softmax log_softmax "
    "_log_softmax clone contiguous to _to_copy alias detach lift_fresh copy masked_fill channel_shuffle",
    _fresh: "zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty "
    "new_empty_strided bernoulli",
    _reshape: "view reshape _unsafe_view _reshape_alias flatten unflatten squeeze",
    _permute: "permute",
    _transpose: "transpose",
    _unsqueeze: "unsqueeze",
    _expand: "expand expand_as",
    _slice: "slice",
    _other_dimension: "select split split_with_sizes chunk unbind tensor_split roll flip index_select topk sort cumsum "
    "glu",
    _concatenate: "cat concat concatenate stack",
    _reduce: "mean sum amax amin max min var std var_mean std_mean logsumexp linalg_vector_norm argmax argmin all any",
    _convolve: "conv1d conv2d conv3d convolution _convolution",
    _pool: "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d "
    "avg_pool3d",
    _adaptive_pool: "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d "
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d",
    _pad: "pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d",
    _upsample: "upsample_nearest2d _upsample_nearest_exact2d upsample_bilinear2d upsample_bicubic2d",
    _pixel_shuffle: "pixel_shuffle",
    _pixel_unshuffle: "pixel_unshuffle",
    _linear: "linear",
    _multiply: "mm bmm addmm baddbmm",
}
RULES: dict[str, Rule] = {name: rule for rule, names in _NAMES.items() for name in names.split()}
FOR_NO_IMAGES = frozenset({alike, _convolve, _pool, _concatenate})  # sound for maps of a batch of none
