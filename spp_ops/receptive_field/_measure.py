"""Measures receptive fields: which pixels the gradient of a cell reaches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from spp_ops.receptive_field._field import ReceptiveField
from spp_ops.receptive_field._reading import channels_of, evaluating

FEW, MANY = 3, 13  # neighbors that are measured; many where they differ in where they look, as past an upsampling
SMALLEST = 64

# These pass a gradient at some places only; what a cell can see is seen past replacements that pass it everywhere.
_RECTIFIERS = frozenset(
    {
        *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "threshold"),
        *("hardtanh", "hardtanh_", "hardswish", "hardswish_"),
    }
)


def measure(module: nn.Module, *, channels: int | None = None, largest: int = 1024) -> ReceptiveField:
    """Measure the receptive field of any module: of cells in the middle of a map, the pixels with a gradient.

    For modules that `receptive_field` cannot read. A copy of the module runs in float64 and evaluation mode on random
    images of 64, 128, ... pixels a side, until the field lies within the image. Maximum pooling is replaced by the mean
    and rectifiers by the identity, as they hide from a gradient what a cell looks at. Weights of zero hide it too.

    Args:
        module: images [1, channels, S, S] -> a feature map [1, C, h, w].
        channels: of the image; None: as many as the first layer takes.
        largest: side of the largest image that is tried. Memory and time grow with its square.

    Raises:
        TypeError: `module` is not an ``nn.Module``.
        ValueError: what it returns is no feature map, or a cell sees all of the largest image, as it does where the
            module has a gate or an attention over the whole map.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module: expected an nn.Module, got {type(module).__name__}")
    net = copy.deepcopy(module).double()
    device = next((each.device for each in (*net.parameters(), *net.buffers())), torch.device("cpu"))
    side = min(SMALLEST, largest)
    while True:
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randn(1, channels or channels_of(net), side, side, generator=generator, dtype=torch.float64)
        try:
            reach = _reach(net, pixels.to(device))
        except RuntimeError as error:  # the layers of some do not fit into a small image
            if side >= largest:
                reason = str(error).splitlines()[0]
                raise ValueError(f"module: does not run on an image {list(pixels.shape)}: {reason}") from error
            reach = None
        if reach is not None:
            return _field(reach)
        if side >= largest:
            raise ValueError(f"module: a cell sees all of an image of {side} pixels; expected a field that has an end")
        side = min(2 * side, largest)


def _reach(net: nn.Module, pixels: Tensor) -> list[tuple[int, list[tuple[int, int]]]] | None:
    """For x and y: a cell's index, and the first and last pixel that it and its neighbors see.

    None where the image is too small to tell.
    """
    pixels.requires_grad_()
    border = pixels.new_zeros(()).requires_grad_()
    with torch.enable_grad(), evaluating(net), _Open(border):
        result = net(pixels)
    maps = [each for each in tree_leaves(result) if isinstance(each, Tensor) and each.dim() == 4]
    if len(maps) != 1:
        raise ValueError(f"module: expected one feature map [1, C, h, w], got {len(maps)} tensors of 4 dimensions")
    (features,) = maps
    if min(features.shape[2:]) < MANY + 2:
        return None
    axes = []
    for dim in (3, 2):
        first = features.size(dim) // 2 - MANY // 2
        seen = [_seen(features, dim, first + k, pixels, border) for k in range(FEW)]
        if len({(low + k * (seen[0][0] - seen[1][0]), high - low) for k, (low, high) in enumerate(seen)}) > 1:
            seen += [_seen(features, dim, first + k, pixels, border) for k in range(FEW, MANY)]
        if seen[0][0] <= 0 or seen[-1][1] >= pixels.size(dim) - 1:
            return None
        axes.append((first, seen))
    return axes


def _seen(features: Tensor, dim: int, index: int, pixels: Tensor, border: Tensor) -> tuple[int, int]:
    """First and last place along `dim` that a cell there sees; the whole image where it sees beyond its border."""
    cells = features.select(dim, index)
    cells = cells.select(2, cells.size(2) // 2)  # the middle along the other axis
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(cells.shape, generator=generator, dtype=cells.dtype).to(cells.device) + 0.5
    gradient, outside = torch.autograd.grad(cells, [pixels, border], weights, retain_graph=True, allow_unused=True)
    if outside is not None and outside.item() != 0:
        return 0, pixels.size(dim) - 1
    reached = pixels.new_zeros(0) if gradient is None else gradient.ne(0).any(dim=0).any(dim=0).any(dim=3 - dim)
    places = reached.nonzero().flatten().tolist()
    if not places:
        raise ValueError("module: a cell of the map has no gradient; expected one that depends on the image")
    return places[0], places[-1]


def _field(axes: list[tuple[int, list[tuple[int, int]]]]) -> ReceptiveField:
    (size_x, stride_x, center_x), (size_y, stride_y, center_y) = (_axis(*axis) for axis in axes)
    return ReceptiveField((size_x, size_y), (stride_x, stride_y), (center_x, center_y))


def _axis(first: int, seen: list[tuple[int, int]]) -> tuple[int, int, float]:
    """Size, stride and first center that cover what the neighbors see."""
    stride = round((sum(seen[-1]) - sum(seen[0])) / (2 * (len(seen) - 1)))
    low = min(low - k * stride for k, (low, _) in enumerate(seen))
    high = max(high - k * stride for k, (_, high) in enumerate(seen))
    return high - low + 1, stride, (low + high) / 2 - first * stride


class _Open(TorchFunctionMode):
    """Lets gradients pass everywhere, and to `border` from whatever sees a cell that zero padding has added."""

    def __init__(self, border: Tensor) -> None:
        super().__init__()
        self._border = border

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name in _RECTIFIERS:
            return args[0]
        if name == "conv2d":
            return self._convolve(*args, **kwargs)
        if name in ("max_pool2d", "_max_pool2d", "max_pool2d_with_indices"):
            return self._pool(*args, **kwargs)
        if name == "pad" and (len(args) < 3 or args[2] == "constant") and kwargs.get("mode", "constant") == "constant":
            return self._padded(args[0], args[1] if len(args) > 1 else kwargs["pad"])
        return func(*args, **kwargs)

    def _padded(self, features: Tensor, pads: Sequence[int]) -> Tensor:
        if not any(pads):
            return features
        outside = F.pad(features.new_zeros(1, 1, *features.shape[-2:]), pads[:4], value=1.0)
        return F.pad(features, pads) + outside * self._border

    def _convolve(
        self,
        features: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        if padding == "same":
            extents = [d * (k - 1) for d, k in zip(_two(dilation), weight.shape[2:], strict=True)]
            pads = [part for extent in extents[::-1] for part in (extent // 2, extent - extent // 2)]
        else:
            rows, columns = _two(0 if padding == "valid" else padding)
            pads = [columns, columns, rows, rows]
        return F.conv2d(self._padded(features, pads), weight, bias, stride, 0, dilation, groups)

    def _pool(
        self,
        features: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Tensor:
        """The mean over the windows of a maximum pooling, dilated ones included."""
        kernel, (rows, columns) = _two(kernel_size), _two(padding)
        features = self._padded(features, [columns, columns, rows, rows])
        if _two(dilation) == (1, 1):
            return F.avg_pool2d(features, kernel, stride or kernel, 0, ceil_mode)
        weight = features.new_ones(features.size(-3), 1, *kernel)
        return F.conv2d(features, weight, None, stride or kernel, 0, dilation, features.size(-3))


def _two(value: Any) -> tuple[int, int]:
    """(rows, columns) of one number or two."""
    return (value, value) if isinstance(value, int) else tuple(value)
