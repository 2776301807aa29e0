"""timm's networks by name, and detectors on them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_detectors import photo, windows_of

from spp_ops import models
from spp_ops.detection import DetectorConfig, SPPDetector
from spp_ops.models.backbones import backbone

NAME = "timm/mobilenetv3_small_050"


def test_a_network_without_pooling_and_classifier() -> None:
    import timm

    torch.manual_seed(0)
    made = backbone(NAME).eval()
    whole = timm.create_model("mobilenetv3_small_050").eval()
    whole.load_state_dict(made.state_dict(), strict=False)
    images = torch.randn(1, 3, 64, 96)
    features = made(images)
    assert features.shape[2:] == (2, 3)
    kept = [name for name in whole.state_dict() if name in made.state_dict()]
    assert len(kept) == len(made.state_dict()) > 100


def test_pixels_are_wanted_as_timm_says() -> None:
    net = models.create("timm/inception_v3", 2, (1,), hidden=())
    assert net.normalization.mean == net.normalization.std == (127.5, 127.5, 127.5)
    assert models.create(NAME, 2, (1,), hidden=()).normalization.mean == pytest.approx((123.675, 116.28, 103.53))


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    made = backbone(NAME)
    torch.save(made.state_dict(), tmp_path / "weights.pth")
    again = backbone(NAME, tmp_path / "weights.pth")
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in made.state_dict().items())


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("timm/nonsense", None, "arch: timm makes no 'nonsense' without pooling and classifier: Unknown model"),
        (NAME, "no_such_tag", "arch: timm makes no 'mobilenetv3_small_050.no_such_tag'"),
        ("nonsense", None, "name: expected one of .*, or timm/NAME, got 'nonsense'"),
    ],
)
def test_unknown_names_are_refused(name: str, weights: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        backbone(name, weights)


def test_without_timm_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match="names that begin with timm/ need timm: pip install timm"):
        models.create(NAME, 2)


@pytest.mark.parametrize("arch", [NAME, "resnet18"])
def test_a_detector_over_it_is_kept_by_name_and_learns(arch: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = DetectorConfig(("cat", "dog"), arch, (2, 1), (8,), scales=(96,), score_threshold=0.0)
    detector = SPPDetector(config, config.build())
    detector.save(tmp_path)
    again = SPPDetector.load(tmp_path)
    one, other = (each.detect(photo(), windows_of()) for each in (detector, again))
    assert len(one) > 0
    assert np.array_equal(one.scores, other.scores)
    target = {"boxes": torch.tensor([[5.0, 5, 40, 30]]), "labels": torch.tensor([1])}
    sum(again.train()([photo()], [windows_of()], [target]).values()).backward()
    assert all(parameter.grad is not None for parameter in again.net.parameters())
