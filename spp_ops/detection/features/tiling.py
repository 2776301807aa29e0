"""A convolution stack on large images, its early layers a strip of rows at a time.

The first layers of a network make maps many times the size of the image: those of ZF-5's first convolution on a 1200 x
1800 image take 207 MB, and each of the layers up to the first pooling reads and writes as much. A strip of the image
goes through these layers while it stays in the processor's cache, in memory used over and over. The strips overlap by
the rows that the layers look beyond their own, so that the result is that of the whole image. For small images in a
batch it is a few images at a time instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spp_ops.models.layers import WithinChannelLRN

CACHE_BYTES = 8 * 2**20  # of the largest map of a strip; a layer reads and writes two or three of that size
# Products that take as long as moving a number out of the cache and back, roughly. Rows that two strips share are
# computed twice; strips are made so high that this costs less than they save.
PRODUCTS_A_MOVE = 200

_ACTIVATIONS = (nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Hardsigmoid)


class Strips:
    """Calls a convolution stack strip by strip where that is faster: on CPUs, without gradients.

    The stack is cut after each max pooling. A part is worked on in strips where its layers are known to look at a few
    rows only (convolution, max pooling, activations, normalization as in evaluation) and its maps exceed the cache.
    Every other part, and every stack that is no `nn.Sequential`, is called as it is.

    Args:
        stack: images [N, C, H, W] -> maps.
        cache_bytes: size of the largest map of a strip.
    """

    def __init__(self, stack: nn.Module, cache_bytes: int = CACHE_BYTES) -> None:
        self.stack = stack
        self.cache_bytes = cache_bytes

    def __call__(self, images: Tensor) -> Tensor:
        """The same maps as `stack(images)`."""
        if torch.is_grad_enabled() or images.device.type != "cpu" or not isinstance(self.stack, nn.Sequential):
            return self.stack(images)  # type: ignore[no-any-return]
        for part in _parts(self.stack):
            images = self._run(part, images)
        return images

    def _run(self, part: nn.Sequential, images: Tensor) -> Tensor:
        if not _is_local(part):
            return part(images)  # type: ignore[no-any-return]
        products, largest = _cost(part, images)
        largest_bytes = largest * images.element_size()
        if largest_bytes <= 2 * self.cache_bytes:
            return part(images)  # type: ignore[no-any-return]
        an_image = largest_bytes // len(images)
        strips = _Strips(part, images.shape[2])
        in_cache = strips.rows * self.cache_bytes // an_image
        worthwhile = strips.overlap * products // largest // PRODUCTS_A_MOVE
        height = max(in_cache, worthwhile, 1)
        group = max(self.cache_bytes // an_image, 1)
        done = [strips.run(some, height) for some in images.split(group)]
        return done[0] if len(done) == 1 else torch.cat(done)


def _parts(stack: nn.Sequential) -> Iterator[nn.Sequential]:
    """Cut after each max pooling."""
    part: list[nn.Module] = []
    for layer in stack:
        part.append(layer)
        if isinstance(layer, nn.MaxPool2d):
            yield nn.Sequential(*part)
            part = []
    if part:
        yield nn.Sequential(*part)


def _is_local(part: nn.Sequential) -> bool:
    """Whether each layer is known to look at a few rows only, and none writes into the part's input."""
    if getattr(part[0], "inplace", False):
        return False
    for layer in part:
        match layer:
            case nn.Conv2d(padding_mode="zeros", padding=tuple()) | nn.MaxPool2d(return_indices=False):
                pass
            case nn.BatchNorm2d() | nn.Dropout() | nn.Dropout2d() if not layer.training:
                pass
            case WithinChannelLRN() | nn.LocalResponseNorm():
                pass
            case _ if not isinstance(layer, _ACTIVATIONS):
                return False
    return True


@dataclass(frozen=True)
class _Step:
    """What a layer does along one axis."""

    reach: int = 1  # cells of its input that a cell of its output depends on
    stride: int = 1
    padding: int = 0
    ceil: bool = False

    @classmethod
    def of(cls, layer: nn.Module, axis: int) -> _Step:
        if isinstance(layer, WithinChannelLRN):
            return cls(layer.size, padding=layer.size // 2)
        if not isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            return cls()
        kernel, stride, padding, dilation = (
            _along(value, axis) for value in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        )
        return cls(dilation * (kernel - 1) + 1, stride, padding, getattr(layer, "ceil_mode", False))

    def size_after(self, size: int) -> int:
        """Cells of output, by PyTorch's rule: a pooling in ceil mode may not start beyond the image."""
        room = size + 2 * self.padding - self.reach
        if not self.ceil:
            return room // self.stride + 1
        count = -(-room // self.stride) + 1
        return count - 1 if (count - 1) * self.stride >= size + self.padding else count


def _along(value: Any, axis: int) -> int:
    return int(value) if isinstance(value, int) else int(value[axis])


class _Strips:
    """How a part's work on images of some height falls into strips.

    Attributes:
        rows: rows of output.
        overlap: rows of output whose work is done twice where two strips meet.
    """

    def __init__(self, part: nn.Sequential, height: int) -> None:
        self._part = part
        self._height = height
        self._steps = [_Step.of(layer, 0) for layer in part]
        self._stride = 1
        self._above = 0  # rows of output at the top of a strip, spoilt by padding in place of what lies above it
        self.rows = height
        for step in self._steps:
            self._stride *= step.stride
            self._above = -(-(self._above + step.padding) // step.stride)
            self.rows = step.size_after(self.rows)
        self.overlap = self._above + -(-(self._last_input(0) + 1 - self._stride) // self._stride)

    def run(self, images: Tensor, height: int) -> Tensor:
        """The part's maps, `height` rows at a time."""
        if height >= self.rows:
            return self._part(images)  # type: ignore[no-any-return]
        return _stacked((self._strip(images, row, height) for row in range(0, self.rows, height)), self.rows)

    def _strip(self, images: Tensor, first: int, height: int) -> Tensor:
        """Rows of output from `first`; a strip starts where its rows of output are rows of the whole output."""
        end = min(first + height, self.rows)
        start = max(first - self._above, 0)
        stop = self._height if end == self.rows else self._last_input(end - 1) + 1
        rows: Tensor = self._part(images[:, :, start * self._stride : stop])
        return rows[:, :, first - start : end - start]

    def _last_input(self, row: int) -> int:
        """Last input row that a row of output depends on; it may lie beyond the image."""
        for step in reversed(self._steps):
            row = row * step.stride - step.padding + step.reach - 1
        return row


def _stacked(strips: Iterable[Tensor], rows: int) -> Tensor:
    """One tensor of that many rows, each strip copied there while it is in the cache."""
    whole: Tensor | None = None
    filled = 0
    for strip in strips:
        if whole is None:
            form = torch.channels_last if strip.stride(1) == 1 else torch.contiguous_format
            shape = *strip.shape[:2], rows, strip.shape[3]
            whole = torch.empty(shape, dtype=strip.dtype, memory_format=form)
        whole[:, :, filled : filled + strip.shape[2]] = strip
        filled += strip.shape[2]
    assert whole is not None
    return whole


def _cost(part: nn.Sequential, images: Tensor) -> tuple[int, int]:
    """Products of the part's convolutions, and numbers in the largest of its maps."""
    (count, channels, rows, columns), products, largest = images.shape, 0, 0
    for layer in part:
        rows = _Step.of(layer, 0).size_after(rows)
        columns = _Step.of(layer, 1).size_after(columns)
        if isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
            products += count * rows * columns * layer.weight.numel()
        largest = max(largest, count * channels * rows * columns)
    return products, largest
