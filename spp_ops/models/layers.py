"""Layers of the paper's networks that PyTorch lacks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spp_ops.receptive_field import Step


class WithinChannelLRN(nn.Module):
    """Local response normalization over a neighborhood in space, each channel by itself.

    With `A(x)` the mean of `x**2` over the `size` x `size` cells around a cell (cells outside the map count as zeros,
    so the mean is always over `size**2` numbers):

        y = x * (1 + alpha * A(x)) ** -beta

    This is Caffe's ``WITHIN_CHANNEL`` rule, which ZF-5 uses (size 3, alpha 5e-5, beta 0.75).

    A cell of the output depends on its neighbors, but only through a factor that stays near 1. The receptive field of
    the paper (139 pixels for ZF-5) is that of the convolutions and poolings alone, so `spp_ops.receptive_field` takes
    this layer, like every normalization, as one that leaves each cell where it is.
    """

    receptive_field_step = Step()

    def __init__(self, size: int = 3, alpha: float = 5e-5, beta: float = 0.75) -> None:
        super().__init__()
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size: expected an odd number of cells, got {size}")
        self.size = size
        self.alpha = alpha
        self.beta = beta

    def forward(self, features: Tensor) -> Tensor:
        """[..., C, H, W] -> the same shape."""
        mean_square = F.avg_pool2d(features * features, self.size, stride=1, padding=self.size // 2)
        # In place: on early maps writing to fresh memory costs more than the arithmetic.
        scale = mean_square.mul_(self.alpha).add_(1)
        if self.beta == 0.75 and not torch.is_grad_enabled():
            root = scale.rsqrt_()  # several times faster than a power, and as exact
            return root.mul_(root.sqrt()).mul_(features)
        return scale.pow_(-self.beta).mul_(features)

    def extra_repr(self) -> str:
        """Return what `print` shows of the layer."""
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}"
