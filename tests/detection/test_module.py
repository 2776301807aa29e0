"""A detector as an nn.Module: modes, losses, precision, copies, tensors in and out."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_detectors import CLASSES, photo, small_detector, windows_of
from torch import Tensor, nn

from spp_ops.detection import DetectorConfig, SPPDetector
from spp_ops.detection.detectors import RegionHead, RegionNet
from spp_ops.detection.sampling import WindowSampling
from spp_ops.models import SPPNet

TARGET = {"boxes": torch.tensor([[5.0, 5, 40, 30], [30, 20, 70, 50]]), "labels": torch.tensor([0, 2])}


def planar(pixels: np.ndarray) -> Tensor:
    """uint8 [H, W, 3] -> float [3, H, W] from 0 to 1, as torchvision's to_tensor does it."""
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_it_gives_what_detect_finds_in_images_of_any_kind(tmp_path: Path) -> None:
    detector, pixels, windows = small_detector(), photo(), windows_of()
    expected = detector.detect(pixels, windows).tensors()
    assert len(expected["scores"]) > 5
    assert [tensor.dtype for tensor in expected.values()] == [torch.float32, torch.float32, torch.int64]
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    tensor = torch.from_numpy(pixels)
    images = [planar(pixels), tensor.permute(2, 0, 1), tensor, pixels, tmp_path / "photo.png", photo(70, 50)]
    *same, other = detector(images, [windows] * 6)
    assert all(equal(found, expected) for found in same)
    assert equal(other, detector.detect(photo(70, 50), windows).tensors())
    assert detector([]) == []


def test_without_windows_it_finds_them() -> None:
    detector, pixels = small_detector(), photo()
    assert equal(detector([planar(pixels)])[0], detector.detect(pixels).tensors())


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.rand(1, 3, 8, 8), r"images: expected \[3, H, W\], .*got torch.float32 \[1, 3, 8, 8\]"),
        (torch.rand(8, 8, 3), r"images: expected .*got torch.float32 \[8, 8, 3\]"),
        (torch.rand(3, 8, 8) * 255, r"images: expected floats from 0 to 1, got .* to 2"),
        (torch.full((3, 8, 8), torch.nan), r"images: expected floats from 0 to 1, got nan"),
        (torch.zeros(3, 8, 8, dtype=torch.int64), r"images: expected .*got torch.int64"),
        (torch.rand(3, 0, 8), r"images: expected .*not empty"),
    ],
)
def test_other_tensors_are_refused(image: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_detector()([image], [windows_of(8, 8, 0)])


def test_losses_in_training_reach_every_weight_and_go_down() -> None:
    detector = small_detector().train()
    detector.sampling = WindowSampling(windows_per_image=64, hard_share=1.0)
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(detector.parameters(), 0.05, momentum=0.8)
    totals = []
    for _ in range(12):
        losses = detector([planar(photo())], [windows_of()], [TARGET])
        assert isinstance(losses, dict)
        assert list(losses) == ["loss_classifier", "loss_box_reg"]
        total = losses["loss_classifier"] + losses["loss_box_reg"]
        optimizer.zero_grad()
        total.backward()
        assert all(parameter.grad is not None for parameter in detector.parameters())
        optimizer.step()
        totals.append(total.item())
    assert np.mean(totals[-3:]) < 0.7 * np.mean(totals[:3])
    assert isinstance(detector.eval()([photo()], [windows_of()]), list)


def test_windows_of_difficult_objects_are_not_background() -> None:
    """The only window is a difficult object's: nothing is drawn, and there is nothing to learn."""
    detector = small_detector().train()
    target = {**TARGET, "boxes": TARGET["boxes"][:1], "labels": [1], "difficult": [True]}
    losses = detector([photo()], [TARGET["boxes"][:1]], [target])
    assert [loss.item() for loss in losses.values()] == [0, 0]
    sum(losses.values()).backward()
    sure = detector([photo()], [TARGET["boxes"][:1]], [{**target, "difficult": [False]}])
    assert sure["loss_classifier"] > 0


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (None, "targets: expected some in training mode"),
        ([], "targets: expected one for each of one or more images, got 0 for 1"),
        ([{"boxes": TARGET["boxes"]}], r"targets\[0\]: expected boxes and labels, got only boxes"),
        ([{**TARGET, "boxes": torch.zeros(2, 5)}], r"targets\[0\]\['boxes'\]: expected \[R, 4\], got \[2, 5\]"),
        ([{**TARGET, "boxes": -TARGET["boxes"]}], r"targets\[0\]\['boxes'\]: expected finite x1 <= x2"),
        ([{**TARGET, "labels": torch.tensor([0, 3])}], r"targets\[0\]\['labels'\]: expected 0 to 2, got \[0, 3\]"),
        ([{**TARGET, "labels": torch.tensor([0])}], r"targets\[0\]\['labels'\]: expected one for each of 2 boxes"),
        ([{**TARGET, "difficult": [True]}], r"targets\[0\]\['difficult'\]: expected one for each of 2 boxes"),
    ],
)
def test_bad_targets_are_refused(targets: list[dict[str, Tensor]] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_detector().train()([photo()], [windows_of()], targets)


def test_other_misuse_is_refused() -> None:
    detector = small_detector()
    with pytest.raises(ValueError, match="targets: expected none in evaluation mode"):
        detector([photo()], [windows_of()], [TARGET])
    with pytest.raises(ValueError, match="windows: expected some for each of 1 images, got 2"):
        detector([photo()], [windows_of()] * 2)
    with pytest.raises(ValueError, match="score: expected 'softmax' to train with, got 'margin'"):
        small_detector(score="margin").train()([photo()], [windows_of()], [TARGET])


def test_the_head_must_take_what_the_net_pools() -> None:
    net = SPPNet(nn.Conv2d(3, 4, 3), (2, 1), 1, hidden=())
    with pytest.raises(ValueError, match="head: expected one of 20 features, as net pools, got 21"):
        RegionNet(net, RegionHead(21, 2))


def normalized_detector() -> SPPDetector:
    """One whose convolutions have normalization layers and noise in training."""
    torch.manual_seed(3)
    backbone = nn.Sequential(nn.Conv2d(3, 8, 5, 4, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5))
    config = DetectorConfig(CLASSES, "mine", (2, 1), (8,), scales=(96,), score_threshold=0.0)
    return SPPDetector(config, config.build(backbone=backbone))


def test_modes_reach_all_layers_but_normalization_keeps_its_statistics() -> None:
    detector = normalized_detector()
    assert not any(module.training for module in detector.modules())
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    assert detector.train() is detector
    assert [type(module).__name__ for module in detector.modules() if not module.training] == ["BatchNorm2d"]
    detector([photo()], [windows_of()], [TARGET])
    assert equal(detector.state_dict(), before)


def test_detect_is_the_same_in_training_mode_and_leaves_it() -> None:
    detector = normalized_detector()
    expected = detector.detect(photo(), windows_of()).tensors()
    detector.train()
    assert equal(detector.detect(photo(), windows_of()).tensors(), expected)
    assert detector.training
    assert detector.net.backbone[3].training


def test_state_dict_has_the_names_of_the_file_and_gives_the_detector_again() -> None:
    one, other = small_detector(0), small_detector(1)
    names = list(one.state_dict())
    assert names == [f"net.{name}" for name in one.net.state_dict()]
    assert {"net.head.row_scale", "net.head.box_std", "net.head.score.weight", "net.head.trunk.fc6.bias"} <= set(names)
    assert not equal(one([photo()], [windows_of()])[0], other([photo()], [windows_of()])[0])
    other.load_state_dict(one.state_dict())
    assert equal(one([photo()], [windows_of()])[0], other([photo()], [windows_of()])[0])


@pytest.mark.parametrize("again", [copy.deepcopy, lambda detector: pickle.loads(pickle.dumps(detector))])
def test_copies_find_the_same_and_share_nothing(again: object) -> None:
    detector = small_detector()
    expected = detector.detect(photo(), windows_of()).tensors()  # its head for inference is made
    assert callable(again)
    copied = again(detector)
    assert copied.features.backbone is copied.net.backbone is not detector.net.backbone
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter.zero_()
    assert equal(copied.detect(photo(), windows_of()).tensors(), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("box_input", ["trunk", "rows"])
def test_other_precision_finds_nearly_the_same(dtype: torch.dtype, box_input: str) -> None:
    detector = small_detector(box_input=box_input, score_threshold=0.0, nms_iou=1.0, most=1000)
    expected = detector.detect(photo(), windows_of())
    narrow = copy.deepcopy(detector).to(dtype)
    assert {tensor.dtype for tensor in narrow.state_dict().values()} == {dtype}
    found = narrow.detect(photo(), windows_of())
    tolerance = {torch.float16: 0.01, torch.bfloat16: 0.05, torch.float64: 1e-5}[dtype]
    assert len(found) == len(expected)
    assert np.abs(np.sort(found.scores) - np.sort(expected.scores)).max() < tolerance
    assert copy.deepcopy(detector).half().net.head.score.weight.dtype == torch.float16


def test_rows_too_large_for_float16_are_scaled_before_they_are_summed() -> None:
    detector = small_detector()
    detector.net.head.row_scale.fill_(1e-3)
    with torch.no_grad():
        detector.net.backbone[0].weight.mul_(2000)
        detector.net.head.trunk[0].weight.fill_(1.0)
    expected = detector.detect(photo(), windows_of())
    found = copy.deepcopy(detector).half().detect(photo(), windows_of())
    assert np.isfinite(found.scores).all()
    assert len(found) == len(expected) > 0
