"""Which networks `receptive_field` reads: all of torchvision's and timm's that classify images.

`python tests/test_receptive_field_networks.py` prints the tables of docs/receptive_fields.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import spp_ops
from spp_ops.receptive_field import ReceptiveField

PAGE = Path(__file__).parents[1] / "docs" / "receptive_fields.md"
# timm's families without convolutional networks, but for stems.
TRANSFORMERS = {
    *("beit", "cait", "coat", "convit", "crossvit", "davit", "deepseek_vit", "deit", "efficientvit_msra"),
    *("eva", "gcvit", "gemma4_vit", "hiera", "hieradet_sam2", "levit", "maxxvit", "mlp_mixer", "mvitv2"),
    *("naflexvit", "nest", "pit", "pvt_v2", "qwen3_vit", "sequencer", "swin_transformer"),
    *("swin_transformer_v2", "swin_transformer_v2_cr", "tiny_vit", "tnt", "twins", "vision_transformer"),
    *("vision_transformer_hybrid", "vision_transformer_relpos", "vision_transformer_sam", "vitamin", "volo"),
    "xcit",
}
HEADS = ("avgpool", "dropout", "fc", "AuxLogits", "aux1", "aux2", "classifier")


class Unfilled(TorchFunctionMode):
    """Leaves weights without numbers; whatever else a constructor computes has its own."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        return func(*args, **(kwargs | {"device": "meta"} if func is torch.empty else kwargs))


class Maps(nn.Module):
    """The part of a timm network that gives its last map."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Any:
        return self.network.forward_features(images)


def torchvision_network(name: str) -> nn.Module:
    import torchvision

    with Unfilled():
        extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        network = torchvision.models.get_model(name, weights=None, **extra)
    for part in ("features", "layers"):
        if hasattr(network, part):
            return nn.Module.__getattr__(network, part)  # type: ignore[no-any-return]
    return nn.Sequential(*(child for child_name, child in network.named_children() if child_name not in HEADS))


def timm_network(name: str) -> nn.Module:
    import timm

    try:
        with torch.device("meta"):
            return Maps(timm.create_model(name))
    except RuntimeError:  # it computes with numbers
        return Maps(timm.create_model(name))


def torchvision_families() -> dict[str, list[str]]:
    import torchvision

    families: dict[str, list[str]] = {}
    for name in torchvision.models.list_models(module=torchvision.models):
        module = torchvision.models.get_model_builder(name).__module__
        family = module.rpartition(".")[2]
        if family not in {*TRANSFORMERS, "maxvit"}:
            families.setdefault(family, []).append(name)
    return families


def timm_families() -> dict[str, list[str]]:
    import timm
    from timm.models import _registry

    families: dict[str, list[str]] = {}
    for name in timm.list_models():
        family = _registry._model_to_module[name]
        if family not in TRANSFORMERS:
            families.setdefault(family, []).append(name)
    return families


def failure(make: Any, name: str) -> str:
    """What keeps the field of a network from being read; nothing if it is read."""
    network = make(name)
    try:
        field = spp_ops.receptive_field(network)
    except ValueError as error:
        _, kind, reason = str(error).partition("; ")[0].split(": ", 2)
        return f"{kind}: {reason.partition(' (')[0]}"
    assert field.stride[0] == field.stride[1] > 1
    return ""


def rows(families: dict[str, list[str]], make: Any) -> Iterator[str]:
    """A line of the table for each family."""
    for family, names in sorted(families.items()):
        failures = [text for text in (failure(make, name) for name in names) if text]
        kinds = ", ".join(sorted(set(failures))[:3])
        yield f"| {family} | {len(names) - len(failures)} of {len(names)} | {kinds} |"


def table(families: dict[str, list[str]], make: Any) -> str:
    head = "| family | read | what cannot be read |\n|---|---|---|\n"
    return head + "\n".join(rows(families, make)) + "\n"


@pytest.mark.parametrize(
    ("make", "name", "field"),
    [
        (torchvision_network, "mobilenet_v3_large", ReceptiveField(595, 32, 0)),
        (torchvision_network, "efficientnet_b0", ReceptiveField(851, 32, 0)),
        (torchvision_network, "regnet_y_400mf", ReceptiveField(575, 32, 0)),
        (torchvision_network, "convnext_tiny", ReceptiveField(1688, 32, 15.5)),
        (torchvision_network, "shufflenet_v2_x0_5", ReceptiveField(527, 32, 0)),
        (torchvision_network, "inception_v3", ReceptiveField(1311, 32, 37)),
        (timm_network, "resnest14d", ReceptiveField(135, 32, 0)),
        (timm_network, "tf_efficientnet_b0", ReceptiveField(851, 32, 31)),
        (timm_network, "hrnet_w18_small", ReceptiveField(611, 32, -14)),
        (timm_network, "nf_regnet_b0", ReceptiveField(575, 32, 0)),
    ],
)
def test_networks(make: Any, name: str, field: ReceptiveField) -> None:
    """Gates, layer scale, permutes, shuffled channels, weights computed on the fly, several resolutions."""
    assert spp_ops.receptive_field(make(name)) == field


@pytest.mark.slow
def test_the_tables_of_the_docs() -> None:
    page = PAGE.read_text()
    for text in tables():
        assert text in page, f"docs/{PAGE.name} has another table than\n{text}"


def tables() -> Iterator[str]:
    """The tables of all networks."""
    warnings.simplefilter("ignore")
    yield table(torchvision_families(), torchvision_network)
    yield table(timm_families(), timm_network)


if __name__ == "__main__":
    for text in tables():
        print(text, flush=True)
