"""What a convolution stack makes of an input of some size, found without computing anything: from no image at all."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call


def map_shape(backbone: nn.Module, height: int, width: int) -> tuple[int, int, int]:
    """(channels, rows, columns) of the map that `backbone` gives for a height x width RGB image.

    Raises:
        ValueError: the image is too small for the layers, or the output is not a feature map.
    """
    # A batch of none takes neither time nor memory, where meta tensors would take a second to import torch's compiler.
    # No weight is read; a buffer may be, as an index.
    tensors = {name: _on_cpu(torch.empty, weight) for name, weight in backbone.named_parameters()}
    tensors |= {name: _on_cpu(torch.zeros, buffer) for name, buffer in backbone.named_buffers()}
    dtype = next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), torch.float32)
    images = torch.empty(0, 3, height, width, device="cpu", dtype=dtype)
    try:
        with torch.no_grad():
            output = functional_call(backbone, tensors, (images,))
    except RuntimeError as error:
        raise ValueError(f"backbone: a {height} x {width} image does not pass through it: {error}") from error
    if not isinstance(output, Tensor) or output.ndim != 4 or 0 in output.shape[1:]:
        got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(f"backbone: expected maps [N, C, H, W] for a {height} x {width} image, got {got}")
    return output.shape[1], output.shape[2], output.shape[3]


def _on_cpu(make: Callable[..., Tensor], like: Tensor) -> Tensor:
    return make(like.shape, dtype=like.dtype, device="cpu")


def smallest_input(backbone: nn.Module, largest: int = 512) -> int:
    """Side in pixels of the smallest square image that passes through `backbone`.

    Raises:
        ValueError: not even an image of `largest` pixels does.
    """
    map_shape(backbone, largest, largest)
    low, high = 0, largest  # low does not pass, high does
    while high - low > 1:
        middle = (low + high) // 2
        try:
            map_shape(backbone, middle, middle)
            high = middle
        except ValueError:
            low = middle
    return high
