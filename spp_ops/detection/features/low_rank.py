"""Fully connected layers as two smaller ones, by truncated singular values (Fast R-CNN, section 3.1).

Weights W [D, C] are U S V^T. With the t largest singular values alone they are U [D, t] times S V^T [t, C]:
a layer of t outputs without bias and one from t inputs, t (C + D) products a row in the place of C D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LowRankLinear(nn.Sequential):
    """Two linear layers, the inner one without bias, that stand for one.

    Args:
        inputs, outputs: C and D of that layer.
        rank: t.
    """

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        if not 1 <= rank <= min(inputs, outputs):
            raise ValueError(f"rank: expected 1 to {min(inputs, outputs)}, got {rank}")
        super().__init__(nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs))

    @property
    def weights(self) -> tuple[Tensor, Tensor]:
        """S V^T [t, C] and U [D, t], or their like."""
        inner, outer = (layer.weight for layer in self)
        assert isinstance(inner, Tensor)
        assert isinstance(outer, Tensor)
        return inner, outer

    @property
    def bias(self) -> Tensor:
        """Of the outer layer [D]."""
        bias = self[1].bias
        assert isinstance(bias, Tensor)
        return bias


def is_smaller(inputs: int, outputs: int, rank: int) -> bool:
    """Whether two layers have fewer weights than the one that they stand for."""
    return rank * (inputs + outputs) < inputs * outputs


class Spectrum:
    """The singular values of a layer's weights, and the layers that follow from them.

    They are found as the roots of the eigenvalues of W W^T or W^T W, the smaller of the two, in float64.

    Args:
        layer: on the CPU.

    Attributes:
        energy: [min(C, D)], the share of the sum of squares of all singular values that the largest t of them have, for
            t from 1 on.
    """

    def __init__(self, layer: nn.Linear) -> None:
        self._layer = layer
        weight = layer.weight.detach().double()
        self._tall = len(weight) > weight.shape[1]
        values, self._vectors = torch.linalg.eigh(weight.t() @ weight if self._tall else weight @ weight.t())
        squares = values.clamp(min=0).flip(0).cumsum(0)
        self.energy = squares / squares[-1].clamp(min=torch.finfo(torch.float64).tiny)

    def rank_of(self, energy: float) -> int:
        """The least rank that keeps this share of the energy."""
        return min(int((self.energy < energy).sum()) + 1, len(self.energy))

    @torch.no_grad()
    def truncated(self, rank: int) -> LowRankLinear:
        """The layer with its largest singular values alone."""
        weight = self._layer.weight
        layer = LowRankLinear(weight.shape[1], weight.shape[0], rank)
        kept = self._vectors[:, -rank:].to(weight.dtype)
        inner, outer = layer.weights
        inner.copy_(kept.t() if self._tall else kept.t() @ weight)
        outer.copy_(weight @ kept if self._tall else kept)
        layer.bias.copy_(torch.zeros_like(layer.bias) if self._layer.bias is None else self._layer.bias)
        return layer
