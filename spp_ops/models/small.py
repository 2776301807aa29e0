"""A network small enough to be trained from scratch in minutes and shipped with a package."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from spp_ops._core.checks import Levels
from spp_ops.models.architectures import Stage, convolutions, max_pool
from spp_ops.models.spp_net import SPPNet

SMALL5 = (
    Stage(24, 5, stride=2, padding=2, then=(max_pool(2, 2),)),
    Stage(48, 3, padding=1, then=(max_pool(2, 2),)),
    Stage(96, 3, padding=1),
    Stage(128, 3, padding=1),
    Stage(128, 3, padding=1),
)


def small5(
    num_classes: int = 1000,
    levels: Levels | None = (6, 3, 2, 1),
    *,
    hidden: Sequence[int] = (128,),
    dropout: float = 0.5,
) -> SPPNet:
    """Five convolutions of 0.3 million weights: 28 x 28 x 128 maps of a 224 x 224 image, stride 8.

    Args:
        num_classes: number of scores.
        levels: the pyramid; None for the network without one (a 4 x 4 pooling of stride 4 gives 7 x 7).
        hidden: widths of the fully connected layers below the scores.
        dropout: probability of a zero after each of them.
    """
    net = SPPNet(
        convolutions(SMALL5),
        levels,
        num_classes,
        hidden=hidden,
        dropout=dropout,
        pool=nn.MaxPool2d(4, 4) if levels is None else None,
    )
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return net
