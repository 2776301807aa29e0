"""How much arithmetic a convolution stack is."""

from __future__ import annotations

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


def products(backbone: nn.Module, size: tuple[int, int]) -> int:
    """Multiplications of the stack on one image of (height, width), counted without computing anything."""
    tensors = {name: tensor.to("meta") for name, tensor in backbone.state_dict().items()}
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        functional_call(backbone, tensors, (torch.empty(1, 3, *size, device="meta"),))
    return int(counter.get_total_flops()) // 2
