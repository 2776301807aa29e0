"""A network small enough to be trained within a test."""

from __future__ import annotations

import torch
from torch import nn

from spp_ops.models import SPPNet


def small_net(num_classes: int = 2, *, hidden: tuple[int, ...] = (), padding: int = 0) -> SPPNet:
    """Two convolutions of stride 2; without padding a cell sees inner pixels alone."""
    torch.manual_seed(5)
    backbone = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=padding),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=padding),
        nn.ReLU(),
    )
    return SPPNet(backbone, (3, 1), num_classes, hidden=hidden).eval()
