"""A network by its name, as the command line's --arch gives it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from spp_ops._core.checks import Levels
from spp_ops.datasets.image import IMAGENET_NORMALIZATION
from spp_ops.models.architectures import convnet5, overfeat5, overfeat7, zf5
from spp_ops.models.backbones import backbone, backbone_names, copy_weights, read_state_dict
from spp_ops.models.small import small5
from spp_ops.models.spp_net import SPPNet
from spp_ops.models.timm_backbones import is_timm_name, timm_normalization

PAPER_NETWORKS = {"zf5": zf5, "convnet5": convnet5, "overfeat5": overfeat5, "overfeat7": overfeat7}
OWN_NETWORKS = {**PAPER_NETWORKS, "small5": small5}


def create(
    arch: str,
    num_classes: int = 1000,
    levels: Levels | None = (6, 3, 2, 1),
    *,
    weights: str | os.PathLike[str] | None = None,
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
) -> SPPNet:
    """One of the paper's networks, a small one, or an SPP head on the convolutions of one of torchvision's or timm's.

    Args:
        arch: a name from `OWN_NETWORKS` or `backbone_names()`, or ``timm/NAME``.
        num_classes: number of scores.
        levels: the pyramid; None (our own networks only) for the network without one.
        weights: for one of torchvision's or timm's networks as in `backbone`; for one of our own what
            `read_state_dict` reads, with the whole network.
        hidden: widths of the fully connected layers below the scores.
        dropout: probability of a zero after each of them.

    Raises:
        ValueError: the name is unknown or the weights don't fit.
        FileNotFoundError: there is no such weights file.
    """
    if arch in OWN_NETWORKS:
        net = OWN_NETWORKS[arch](num_classes, levels, hidden=hidden, dropout=dropout)
        if weights is not None:
            copy_weights(net, read_state_dict(Path(weights)), f"{weights} does not fit {arch}")
        return net
    if not is_known(arch):
        raise ValueError(f"arch: expected {known_names()}, got {arch!r}")
    if levels is None:
        raise ValueError(f"levels: expected a pyramid, as {arch} comes without one, got None")
    normalization = timm_normalization(arch) if is_timm_name(arch) else IMAGENET_NORMALIZATION
    stack = backbone(arch, weights)
    return SPPNet(stack, levels, num_classes, hidden=hidden, dropout=dropout, normalization=normalization)


def is_known(arch: str) -> bool:
    """Whether `create` knows a name, or timm may."""
    return arch in OWN_NETWORKS or is_timm_name(arch) or arch in backbone_names()


def known_names() -> str:
    """The names that `create` knows, for a message."""
    return f"one of {', '.join([*OWN_NETWORKS, *backbone_names()])}, or timm/NAME"
