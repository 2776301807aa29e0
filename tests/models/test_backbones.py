"""torchvision's convolution stacks, and weights from files."""

from pathlib import Path

import pytest
import torch

import spp_ops
from spp_ops import models

torchvision = pytest.importorskip("torchvision")


@pytest.mark.parametrize(
    ("name", "shape", "stride"),
    [
        ("alexnet", (256, 13, 13), 16),
        ("vgg11", (512, 14, 14), 16),
        ("resnet18", (512, 7, 7), 32),
        ("resnet50", (2048, 7, 7), 32),
        ("squeezenet1_1", (512, 13, 13), 16),
        ("densenet121", (1024, 7, 7), 32),
        ("mobilenet_v2", (1280, 7, 7), 32),
        ("mobilenet_v3_small", (576, 7, 7), 32),
        ("mnasnet0_5", (1280, 7, 7), 32),
        ("shufflenet_v2_x0_5", (1024, 7, 7), 32),
        ("efficientnet_b0", (1280, 7, 7), 32),
        ("convnext_tiny", (768, 7, 7), 32),
    ],
)
def test_maps_and_stride(name: str, shape: tuple[int, int, int], stride: int) -> None:
    with torch.device("meta"):
        backbone = models.backbone(name)
    assert models.map_shape(backbone, 224, 224) == shape
    assert spp_ops.receptive_field(backbone).stride == (stride, stride)


@pytest.mark.parametrize("name", ["squeezenet1_0", "resnet18"])
def test_weights_of_a_whole_network_from_a_file(name: str, tmp_path: Path) -> None:
    whole = torchvision.models.get_model(name).eval()
    path = tmp_path / "weights.pt"
    torch.save(whole.state_dict(), path)
    backbone = models.backbone(name, path).eval()
    images = torch.randn(1, 3, 64, 64)
    if name == "resnet18":
        expected = torch.nn.Sequential(*list(whole.children())[:-2])(images)
    else:
        expected = whole.features(images)
    torch.testing.assert_close(backbone(images), expected)


@pytest.mark.parametrize(
    ("name", "classifier"),
    [
        ("resnet18", "fc"),
        ("densenet121", "classifier"),
        ("mobilenet_v2", "classifier"),
        ("mobilenet_v3_small", "classifier"),
        ("mnasnet0_5", "classifier"),
        ("shufflenet_v2_x0_5", "fc"),
        ("efficientnet_b0", "classifier"),
    ],
)
def test_means_of_the_maps_are_what_the_network_classifies(name: str, classifier: str, tmp_path: Path) -> None:
    whole = torchvision.models.get_model(name, num_classes=5).eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pt")
    maps = models.backbone(name, tmp_path / "weights.pt").eval()
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        scores = whole.get_submodule(classifier)(maps(images).mean((2, 3)))
        torch.testing.assert_close(scores, whole(images), rtol=1e-4, atol=1e-4)


def test_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    whole = torchvision.models.get_model("squeezenet1_1")
    safetensors.save_file(whole.state_dict(), tmp_path / "weights.safetensors")
    backbone = models.backbone("squeezenet1_1", tmp_path / "weights.safetensors")
    assert (backbone[0].weight == whole.features[0].weight).all()


def test_network_of_the_paper_from_a_file(tmp_path: Path) -> None:
    net = models.create("zf5", 2, hidden=(4,))
    torch.save(net.state_dict(), tmp_path / "zf5.pt")
    again = models.create("zf5", 2, hidden=(4,), weights=tmp_path / "zf5.pt")
    assert all((tensor == net.state_dict()[name]).all() for name, tensor in again.state_dict().items())


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("name", ["squeezenet1_1", "small5"])
def test_network_of_a_run(name: str, average: bool, tmp_path: Path) -> None:
    kept, tested = models.create(name, 2, hidden=(4,)), models.create(name, 2, hidden=(4,))
    content = {"format": 1, "classes": ["a", "b"], "model": kept.state_dict(), "average": None}
    torch.save(content | ({"average": tested.state_dict()} if average else {}), tmp_path / "checkpoint.pt")
    again = models.create(name, 2, hidden=(4,), weights=tmp_path)
    expected = (tested if average else kept).backbone.state_dict()
    assert all((tensor == expected[key]).all() for key, tensor in again.backbone.state_dict().items())


def test_pretrained_network_takes_imagenet_pixels() -> None:
    from spp_ops.datasets.image import IMAGENET_NORMALIZATION, PAPER_NORMALIZATION

    assert models.create("squeezenet1_1", 2, hidden=()).normalization == IMAGENET_NORMALIZATION
    assert models.create("zf5", 2, hidden=()).normalization == PAPER_NORMALIZATION


def test_bad_weights_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file at .*absent\.pt"):
        models.backbone("squeezenet1_1", tmp_path / "absent.pt")
    garbage = tmp_path / "garbage.pt"
    garbage.write_bytes(b"not weights")
    with pytest.raises(ValueError, match=r"weights: .*garbage\.pt is not a file of tensors"):
        models.backbone("squeezenet1_1", garbage)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match=r"weights: .*list\.pt does not hold a state dict"):
        models.backbone("squeezenet1_1", tmp_path / "list.pt")
    torch.save(torchvision.models.get_model("squeezenet1_0").state_dict(), tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"weights: .*other\.pt does not fit squeezenet1_1: 0\.weight is \[96"):
        models.backbone("squeezenet1_1", tmp_path / "other.pt")
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "part.pt")
    with pytest.raises(ValueError, match=r"part\.pt does not fit squeezenet1_1: there is no 0\.bias"):
        models.backbone("squeezenet1_1", tmp_path / "part.pt")


def test_bad_names() -> None:
    with pytest.raises(ValueError, match=r"name: expected one of alexnet, .*, got 'lenet'"):
        models.backbone("lenet")
    with pytest.raises(ValueError, match=r"arch: expected one of zf5, .*, got 'lenet'"):
        models.create("lenet")
    with pytest.raises(ValueError, match="levels: expected a pyramid, as alexnet comes without one"):
        models.create("alexnet", levels=None)
    with pytest.raises(ValueError, match="weights: torchvision has no entry 'IMAGENET1K_V9' for alexnet"):
        models.backbone("alexnet", "IMAGENET1K_V9")
