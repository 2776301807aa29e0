"""Convolution stacks of timm's networks, as ``timm/NAME``; timm itself is imported when one is made."""

from __future__ import annotations

from typing import Any

from torch import nn

from spp_ops.datasets.image import Normalization

PREFIX = "timm/"


def is_timm_name(name: str) -> bool:
    """Whether a name is of this form, whether or not timm knows it."""
    return name.startswith(PREFIX)


def timm_backbone(name: str, *, weights: str | None = None) -> nn.Module:
    """Make a timm network without its pooling and classifier: images [N, 3, H, W] -> maps [N, C, h, w].

    Args:
        name: ``timm/`` and a name of timm's, with or without the tag of its weights: "timm/resnet18.a1_in1k".
        weights: None for random ones; "DEFAULT" for those of the name's tag, or of timm's own choice; or another tag.
            timm downloads them once.

    Raises:
        ValueError: timm is not installed, or knows no such network or weights; or the network gives no maps.
    """
    timm = _timm()
    model = name.removeprefix(PREFIX)
    if weights not in (None, "DEFAULT"):
        model = f"{model.partition('.')[0]}.{weights}"
    try:
        made: nn.Module = timm.create_model(model, pretrained=weights is not None, num_classes=0, global_pool="")
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"arch: timm makes no {model!r} without pooling and classifier: {error}") from error
    return made


def timm_normalization(name: str) -> Normalization:
    """How a network of timm's wants its pixels.

    Raises:
        ValueError: as `timm_backbone`.
    """
    timm, model = _timm(), name.removeprefix(PREFIX)
    try:
        config = timm.get_pretrained_cfg(model, allow_unregistered=False)
    except RuntimeError as error:
        raise ValueError(f"arch: timm knows no {model!r}: {error}") from error
    mean, std = ([float(255 * number) for number in numbers] for numbers in (config.mean, config.std))
    return Normalization((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ValueError("arch: names that begin with timm/ need timm: pip install timm") from error
    return timm
