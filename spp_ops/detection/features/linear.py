"""Fully connected layers on many rows, faster than `nn.Linear` in inference on CPUs.

PyTorch gives a linear layer in float32 to its BLAS library and a convolution to oneDNN. A linear layer on R rows is a 1
x 1 convolution of an image of R pixels: the same products, summed in another order. It is never much slower, and a good
fifth faster where the BLAS library knows the processor less well (MKL on AMD's).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spp_ops.detection.features.int8 import ByteWeights

Precision: TypeAlias = Literal["float32", "bfloat16", "int8"]


class Dense(nn.Module):
    """What a linear layer computes, for inference; it shares the layer's weights, or in few bits has its own.

    Args:
        linear: the layer.
        precision: of the products; "bfloat16" keeps about three digits and adds up in float32, "int8" two and adds up
            exactly.
    """

    def __init__(self, linear: nn.Linear, precision: Precision = "float32") -> None:
        super().__init__()
        if precision not in get_args(Precision):
            raise ValueError(f"precision: expected one of {', '.join(get_args(Precision))}, got {precision!r}")
        weight: Tensor | ByteWeights = linear.weight
        bias: Tensor | None = linear.bias
        if precision == "int8":
            weight = ByteWeights.of(linear.weight)
        elif precision == "bfloat16":
            weight = linear.weight.detach().to(torch.bfloat16)
            bias = None if bias is None else bias.detach().to(torch.bfloat16)
        self.weight, self.bias = weight, bias

    def forward(self, rows: Tensor) -> Tensor:
        """[R, C] -> [R, D] of the same dtype."""
        given = rows.to(self.weight.dtype) if isinstance(self.weight, Tensor) else rows
        return linear(given, self.weight, self.bias).to(rows.dtype)


def linear(rows: Tensor, weight: Tensor | ByteWeights, bias: Tensor | None) -> Tensor:
    """`torch.nn.functional.linear` of rows [R, C] and weights [D, C], by the faster library on a CPU.

    With `ByteWeights` the result is float32, whatever the rows are.
    """
    if isinstance(weight, ByteWeights):
        products = weight.product(rows)
        return products if bias is None else products + bias
    if torch.compiler.is_compiling():  # a graph's number of rows is open
        return F.linear(rows, weight, bias)
    many = rows.ndim == 2 and len(rows) > 1
    if rows.device.type != "cpu" or rows.dtype != torch.float32 or not many or torch.is_grad_enabled():
        return F.linear(rows, weight, bias)
    pixels = rows[None, None].permute(0, 3, 1, 2)  # [1, C, 1, R], channels-last
    return F.conv2d(pixels, weight[:, None, None].permute(0, 3, 1, 2), bias).permute(0, 2, 3, 1)[0, 0]


def dense(head: nn.Sequential, precision: Precision = "float32") -> nn.Sequential:
    """The same head for inference, with `Dense` in place of its linear layers; other layers are shared."""
    return nn.Sequential(*(_dense_layer(layer, precision) for layer in head))


def _dense_layer(layer: nn.Module, precision: Precision) -> nn.Module:
    if isinstance(layer, nn.Sequential):
        return dense(layer, precision)
    return Dense(layer, precision) if isinstance(layer, nn.Linear) else layer


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies in bfloat16 faster than in float32, as far as PyTorch tells."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    known = torch.cpu.get_capabilities() if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities") else {}
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
