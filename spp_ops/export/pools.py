"""Max pooling of images of open sizes, where PyTorch's own asks for sizes that a graph does not know."""

from __future__ import annotations

import copy

import torch.nn.functional as F
from torch import Tensor, nn


class PaddedMaxPool2d(nn.Module):
    """What a max pooling in ceil mode gives, without ceil mode: -inf below and to the right fills up the last windows.

    Args:
        pool: without padding and dilation; its windows leave no gaps.
    """

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self.kernel = _pair(pool.kernel_size)
        self.stride = _pair(pool.stride)

    def forward(self, maps: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, h, w]."""
        below, right = (step - 1 for step in self.stride)
        return F.max_pool2d(F.pad(maps, (0, right, 0, below), value=float("-inf")), self.kernel, self.stride)


def with_open_sizes(module: nn.Module) -> nn.Module:
    """The module, or a copy of it in which every max pooling in ceil mode is a `PaddedMaxPool2d`."""
    names = [name for name, part in module.named_modules() if _is_in_ceil_mode(part)]
    if not names or names == [""]:
        return PaddedMaxPool2d(module) if names and isinstance(module, nn.MaxPool2d) else module
    module = copy.deepcopy(module)
    for name in names:
        pool = module.get_submodule(name)
        assert isinstance(pool, nn.MaxPool2d)
        above, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(above), leaf, PaddedMaxPool2d(pool))
    return module


def _is_in_ceil_mode(module: nn.Module) -> bool:
    """Whether it is a pooling in ceil mode that can be had without it."""
    if not isinstance(module, nn.MaxPool2d) or not module.ceil_mode or module.return_indices:
        return False
    steps = zip(_pair(module.kernel_size), _pair(module.stride), strict=True)
    whole = all(kernel >= stride for kernel, stride in steps)
    return whole and _pair(module.padding) == (0, 0) and _pair(module.dilation) == (1, 1)


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
