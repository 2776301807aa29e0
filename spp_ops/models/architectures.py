"""The four networks of the paper (section 3.1, table 1), each a table of its convolution layers.

Sizes of maps are those of a 224 x 224 image. What the paper does not print follows from them, as padding is adjusted to
give these sizes; ZF-5's layers, normalization and initialization are those of the authors' published model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import nn

from spp_ops._core.checks import Levels
from spp_ops.datasets.image import PAPER_NORMALIZATION
from spp_ops.models.layers import WithinChannelLRN
from spp_ops.models.spp_net import SPPNet

MakeLayer: TypeAlias = Callable[[], nn.Module]


@dataclass(frozen=True)
class Stage:
    """A convolution, its ReLU, and what follows before the next one: (name, maker) pairs, in order."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    then: tuple[tuple[str, MakeLayer], ...] = ()


def max_pool(kernel: int, stride: int, ceil_mode: bool = False) -> tuple[str, MakeLayer]:
    """What a `Stage` may have in `then`: max pooling."""
    return "pool", lambda: nn.MaxPool2d(kernel, stride, ceil_mode=ceil_mode)


_LRN_WITHIN = ("norm", lambda: WithinChannelLRN(3, alpha=5e-5, beta=0.75))
_LRN_ACROSS = ("norm", lambda: nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75))  # Krizhevsky et al., 2012

ZF5 = (
    Stage(96, 7, stride=2, padding=1, then=(_LRN_WITHIN, max_pool(3, 2, ceil_mode=True))),  # 110 -> 55
    Stage(256, 5, stride=2, padding=0, then=(_LRN_WITHIN, max_pool(3, 2, ceil_mode=True))),  # 26 -> 13
    Stage(384, 3, padding=1),
    Stage(384, 3, padding=1),
    Stage(256, 3, padding=1),
)

CONVNET5 = (
    Stage(96, 11, stride=4, padding=2, then=(_LRN_ACROSS,)),  # 55
    Stage(256, 5, padding=2, then=(_LRN_ACROSS, max_pool(3, 2))),  # 55 -> 27
    Stage(384, 3, padding=1, then=(max_pool(3, 2),)),  # 27 -> 13
    Stage(384, 3, padding=1),
    Stage(256, 3, padding=1),
)

_OVERFEAT_BELOW = (
    Stage(96, 7, stride=2, padding=0, then=(max_pool(3, 3), _LRN_ACROSS)),  # 109 -> 36
    Stage(256, 5, padding=2, then=(max_pool(2, 2),)),  # 36 -> 18
)
OVERFEAT5 = _OVERFEAT_BELOW + (Stage(512, 3, padding=1),) * 3  # 18
OVERFEAT7 = _OVERFEAT_BELOW + (Stage(512, 3, padding=1),) * 5  # 18


def zf5(
    num_classes: int = 1000,
    levels: Levels | None = (6, 3, 2, 1),
    *,
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
) -> SPPNet:
    """ZF-5, after Zeiler and Fergus' fast model: 13 x 13 x 256 maps of a 224 x 224 image, stride 16.

    Args:
        num_classes: number of scores.
        levels: the pyramid; None for the network without one (a 3 x 3 pooling of stride 2 gives 6 x 6).
        hidden: widths of the fully connected layers below the scores.
        dropout: probability of a zero after each of them.
    """
    return _network(ZF5, nn.MaxPool2d(3, 2), num_classes, levels, hidden=hidden, dropout=dropout)


def convnet5(
    num_classes: int = 1000,
    levels: Levels | None = (6, 3, 2, 1),
    *,
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
) -> SPPNet:
    """Convnet*-5, after Krizhevsky et al. with the poolings of conv1, conv2 moved after conv2, conv3: 13 x 13 x 256.

    Args: as `zf5`.
    """
    return _network(CONVNET5, nn.MaxPool2d(3, 2), num_classes, levels, hidden=hidden, dropout=dropout)


def overfeat5(
    num_classes: int = 1000,
    levels: Levels | None = (6, 3, 2, 1),
    *,
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
) -> SPPNet:
    """Overfeat-5, after Sermanet et al.: 18 x 18 x 512 maps of a 224 x 224 image, stride 12.

    Args: as `zf5`; without a pyramid a 3 x 3 pooling of stride 3 gives 6 x 6.
    """
    return _network(OVERFEAT5, nn.MaxPool2d(3, 3), num_classes, levels, hidden=hidden, dropout=dropout)


def overfeat7(
    num_classes: int = 1000,
    levels: Levels | None = (6, 3, 2, 1),
    *,
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
) -> SPPNet:
    """Overfeat-7: Overfeat-5 with two more 3 x 3 convolutions of 512 channels.

    Args: as `overfeat5`.
    """
    return _network(OVERFEAT7, nn.MaxPool2d(3, 3), num_classes, levels, hidden=hidden, dropout=dropout)


def _network(
    stages: tuple[Stage, ...],
    pool: nn.Module,
    num_classes: int,
    levels: Levels | None,
    *,
    hidden: Sequence[int],
    dropout: float,
) -> SPPNet:
    net = SPPNet(
        convolutions(stages),
        levels,
        num_classes,
        hidden=hidden,
        dropout=dropout,
        pool=pool if levels is None else None,
        normalization=PAPER_NORMALIZATION,
    )
    initialize(net)
    return net


def convolutions(stages: tuple[Stage, ...]) -> nn.Sequential:
    """conv1, relu1, norm1, pool1, conv2, ... of a table of stages."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for number, stage in enumerate(stages, 1):
        layers[f"conv{number}"] = nn.Conv2d(channels, stage.channels, stage.kernel, stage.stride, stage.padding)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
        for name, make in stage.then:
            layers[f"{name}{number}"] = make()
        channels = stage.channels
    return nn.Sequential(layers)


def initialize(net: SPPNet) -> None:
    """Weights from N(0, 0.01); biases 1 in conv2, conv4, conv5 and the fully connected layers, 0 elsewhere."""
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            layer = name.rpartition(".")[2]
            nn.init.normal_(module.weight, std=0.01)
            assert module.bias is not None
            nn.init.constant_(module.bias, float(layer.startswith("fc") or layer in ("conv2", "conv4", "conv5")))
