"""Products of rows with weights of 8 bits: whole numbers from -127 to 127, and a scale for each row of weights.

Rows are rounded to 8 bits as they come, each by a scale of its own, and multiplied by PyTorch's product of bytes
(oneDNN's on a CPU), which is exact. PyTorch's own quantized layers (torch.ao) are deprecated; torchao, which follows
them, has the same scheme, but on a CPU adds up the weights at every call unless it is compiled.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spp_ops._core.torch_internals import multiply_bytes

LARGEST = 127
_MOST_COLUMNS = 2**31 // LARGEST**2  # whose products fit the 32 bits that they are added up in


@dataclass(frozen=True)
class ByteWeights:
    """Weights [D, C] of a fully connected layer in 8 bits.

    Attributes:
        numbers: int8 [D, C].
        scale: float32 [D]; weight (d, c) is ``numbers[d, c] * scale[d]``.
    """

    numbers: Tensor
    scale: Tensor

    @staticmethod
    def of(weight: Tensor) -> ByteWeights:
        """Round weights [D, C]; those that were rounded before come back as they are."""
        numbers, scale = rounded(weight.detach().float())
        return ByteWeights(numbers, scale[:, 0])

    def restored(self) -> Tensor:
        """float32 [D, C], the rounded weights."""
        return self.numbers * self.scale[:, None]

    def product(self, rows: Tensor) -> Tensor:
        """[R, C] of any type -> float32 [R, D]: the rows, rounded to 8 bits, times the weights."""
        if not multiplies_bytes(self.numbers):
            return F.linear(rows.float(), self.restored())
        if len(rows) == 0:
            return self.scale.new_empty(0, len(self.numbers))
        numbers, scale = rounded(rows.float())
        return multiply_bytes(numbers, self.numbers.t()).float().mul_(scale).mul_(self.scale)


def multiplies_bytes(weights: Tensor) -> bool:
    """Whether products with weights [D, C] are of bytes where these lie; elsewhere the rounded weights are floats."""
    return weights.device.type == "cpu" and weights.shape[1] <= _MOST_COLUMNS


def rounded(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """[R, C] -> int8 [R, C], and the scale [R, 1] of each row, whose largest number becomes 127."""
    low, high = matrix.aminmax(dim=1, keepdim=True)
    scale = high.maximum(-low).div_(LARGEST).clamp_(min=torch.finfo(torch.float32).tiny)
    return (matrix / scale).round_().to(torch.int8), scale
