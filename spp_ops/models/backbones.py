"""Convolution stacks of torchvision's and timm's networks, by name, with weights by name or from a file."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

from spp_ops.models.timm_backbones import is_timm_name, timm_backbone

_RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
# The parts of a family's networks that give feature maps. A max pooling at their end is left out: the pyramid takes its
# place. A network must be one that can be made without memory, as records are compared with networks that way.
_PARTS = {
    "alexnet": ("features",),
    "vgg": ("features",),
    "squeezenet": ("features",),
    "resnet": _RESNET,
    "resnext": _RESNET,
    "wide_resnet": _RESNET,
    "densenet": ("features",),
    "mobilenet": ("features",),
    "mnasnet": ("layers",),
    "shufflenet": ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5"),
    "efficientnet": ("features",),
    "convnext": ("features",),
}
_RUN_FILES = ("detector.safetensors", "checkpoint.pt")  # in a training run's folder, the first that is there


def backbone_names() -> list[str]:
    """Names of torchvision's that `backbone` knows; it knows ``timm/NAME`` besides."""
    from torchvision import models

    return [name for name in models.list_models(module=models) if name.startswith(tuple(_PARTS))]


def backbone(name: str, weights: str | os.PathLike[str] | None = None) -> nn.Module:
    """Make the convolution stack of a network: images [N, 3, H, W] -> maps [N, C, h, w].

    Args:
        name: one of `backbone_names()`: torchvision's AlexNet, VGG, ResNet, DenseNet, MobileNet, EfficientNet,
            ConvNeXt and their kin; or ``timm/NAME``, a convolutional network of timm's ("timm/convnext_atto"), which
            must be installed.
        weights: None for random ones; the name of a torchvision entry ("IMAGENET1K_V1", "DEFAULT") or a tag of timm's
            ("a1_in1k", "DEFAULT"), which are downloaded once; or a file or run that `read_state_dict` reads.

    Raises:
        ValueError: the name or the entry is unknown, or the file does not hold this network's weights; or timm is not
            installed.
        FileNotFoundError: there is no such file.
    """
    if not is_timm_name(name) and name not in backbone_names():
        raise ValueError(f"name: expected one of {', '.join(backbone_names())}, or timm/NAME, got {name!r}")
    from_file = weights is not None and _is_file_name(weights)
    layers = _made(name, None if weights is None or from_file else str(weights))
    if weights is not None and from_file:
        copy_weights(layers, read_state_dict(Path(weights)), f"{weights} does not fit {name}")
    return layers


def _made(name: str, entry: str | None) -> nn.Module:
    """A stack with the weights of an entry, or random ones."""
    if is_timm_name(name):
        return timm_backbone(name, weights=entry)
    from torchvision.models import get_model

    try:
        return _convolutions(get_model(name, weights=entry), name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"weights: torchvision has no entry {entry!r} for {name}") from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of a network by name; no code in the file is run.

    Args:
        path: a file of `torch.save` or safetensors; or a training run's folder, or the checkpoint in it, of which the
            average of the weights is taken where one is kept.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else.
    """
    if path.is_dir():
        path = next((path / name for name in _RUN_FILES if (path / name).is_file()), path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights file at {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader raises whatever damaged bytes lead it into
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"weights: {path} is not a file of tensors: {reason}") from error
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state.get("average") or state["model"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"weights: {path} does not hold a state dict (tensors by name)")
    return state


def copy_weights(module: nn.Module, state: dict[str, Tensor], complaint: str) -> None:
    """Copy into `module` all tensors it has, out of a state dict that may hold more.

    In the names, a leading "features.", "layers." or "backbone." is optional.

    Raises:
        ValueError: a tensor is missing or has another shape; the message begins with `complaint`.
    """
    for prefix in ("features.", "layers."):
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    state |= {key.removeprefix("backbone."): tensor for key, tensor in state.items()}
    wanted = module.state_dict()
    for key, tensor in wanted.items():
        if key not in state:
            raise ValueError(f"weights: {complaint}: there is no {key} in it")
        if state[key].shape != tensor.shape:
            raise ValueError(f"weights: {complaint}: {key} is {list(state[key].shape)}, expected {list(tensor.shape)}")
    module.load_state_dict({key: state[key] for key in wanted})


def _is_file_name(weights: str | os.PathLike[str]) -> bool:
    return not isinstance(weights, str) or Path(weights).suffix != "" or Path(weights).exists()


def _convolutions(network: nn.Module, name: str) -> nn.Sequential:
    family = next(family for family in _PARTS if name.startswith(family))
    parts = _PARTS[family]
    if len(parts) > 1:
        return nn.Sequential(OrderedDict((part, network.get_submodule(part)) for part in parts))
    children = dict(network.get_submodule(parts[0]).named_children())
    if family == "densenet":
        return nn.Sequential(OrderedDict({**children, "relu": nn.ReLU()}))  # its forward has one after these
    layers = list(children.values())
    return nn.Sequential(*(layers[:-1] if isinstance(layers[-1], nn.MaxPool2d) else layers))
