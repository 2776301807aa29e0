"""The main job on a small photo with few windows: figures, files, and what makes it fail."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn

import spp_ops
from spp_ops import testing
from spp_ops.benchmarks import rcnn
from spp_ops.benchmarks.rcnn import Comparison, Settings, Stages
from spp_ops.benchmarks.rcnn.connected import truncated
from spp_ops.benchmarks.rcnn.report import as_data, table
from spp_ops.benchmarks.rcnn.results import BFLOAT16, FIVE, INT8, ONCE, ONE, TRUNCATED
from spp_ops.benchmarks.rcnn.work import products
from spp_ops.demo import digit_detector
from spp_ops.demo import main as demo
from spp_ops.detection.features.low_rank import LowRankLinear
from spp_ops.engine.progress import Progress, Work
from spp_ops.models import SPPNet, create

pytest.importorskip("cv2")
pytest.importorskip("matplotlib")

SMALL = Settings(
    one_scale=(100,), five_scales=(80, 140), windows=12, proposal_side=100, rcnn_windows=6, rcnn_batch=3, repeats=1
)
CPU = torch.device("cpu")
LEAST_AP = 0.7  # of the detector of digits, on a few images


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    image = demo.sample_image()[100:220, 150:300]
    Image.fromarray(image).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """ZF-5's convolutions with narrow fully connected layers: quick to make."""

    def small(arch: str, **options: object) -> SPPNet:
        return create(arch, hidden=(16, 8), num_classes=2, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(demo, "create", small)


def test_demo_prints_checks_and_saves(
    image_file: Path, tmp_path: Path, small_networks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "GRADIENT_CASES", testing.GRADIENT_CASES[:1])
    text = io.StringIO()
    passed = demo.run(image_file, tmp_path / "out", CPU, SMALL, Console(file=text, width=80), digit_images=3)
    assert passed
    printed = text.getvalue()
    for expected in ("SPP-net, 1 scale", "SPP-net, 5 scales", "R-CNN*", "102x", "38x", "extrapolated"):
        assert expected in printed
    assert "features of 12 windows equal the PyTorch reference's to the bit" in printed
    assert printed.count("ok  ") == 2
    assert "tested on 3 held-out images" in printed
    assert "ms an image, by part" in printed
    for part in ("proposals", "convolutions", "pooling", "head", "the rest"):
        assert part in printed
    assert max(map(len, printed.splitlines())) <= 80
    report = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert report["image_size"] == [150, 120]
    assert report["windows"] == 12
    assert report["feature_length"] == 12_800
    assert report["rcnn_windows_timed"] == 6
    assert report["rcnn_extrapolated"] is True
    assert report["rcnn_batch"] == 3
    assert 0 < report["distinct_windows"]["SPP-net, 1 scale"] <= 1
    assert report["machine"]["processor"]
    assert all(report["gradient_checks_passed"].values())
    assert report["detection"]["images"] == 3
    seconds = report["detection"]["seconds_by_part"]
    assert min(seconds[part] for part in ("proposals", "convolutions", "pooling", "head", "the rest")) > 0
    assert 0 < report["detection"]["coco"]["ap"] < 1
    for name in ("demo.png", "detections.png", "times.png"):
        with Image.open(tmp_path / "out" / name) as image:
            assert min(image.size) > 500
            assert len(np.unique(np.asarray(image.convert("L")))) > 50
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "demo.json",
        "demo.png",
        "detections.png",
        "times.png",
    ]


def test_the_detector_that_comes_with_the_package(tmp_path: Path) -> None:
    assert digit_detector.weights_bytes() < 5e6
    assert digit_detector.digit_detector().classes == tuple("0123456789")
    test = digit_detector.DigitTest.run(tmp_path, CPU, count=16)
    assert len(test.found) == 16
    assert test.evaluation.eleven_point > LEAST_AP
    assert test.evaluation.coco.ap < test.evaluation.eleven_point
    assert len(test.shown) == digit_detector.SHOWN_IMAGES


def test_wrong_features_are_not_timed(
    image_file: Path, tmp_path: Path, small_networks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = spp_ops.roi_spatial_pyramid_pool
    monkeypatch.setattr(spp_ops, "roi_spatial_pyramid_pool", lambda *a, **k: right(*a, **k) + 1)
    with pytest.raises(RuntimeError, match="12 of 12 windows were pooled otherwise than by the reference"):
        demo.run(image_file, tmp_path, CPU, SMALL, Console(file=io.StringIO()))


def test_photo_of_one_pixel(tmp_path: Path, small_networks: None) -> None:
    dot = np.zeros((1, 1, 3), np.uint8)
    _, windows, measured = demo.measure(dot, CPU, SMALL, Work(Progress(), "demo", 0, "steps"))
    assert windows.tolist() == [[0, 0, 0, 0]]
    assert measured.windows == measured.rcnn_windows == 1


def test_speed_ups_are_ratios_of_the_sums() -> None:
    measured = Comparison(
        methods={
            ONE: Stages(0.1, 0.2, 0.05, 1.0),
            ONE + ONCE: Stages(0.1, 0.2, 0.05, 0.8),
            FIVE: Stages(0.4, 1.0, 0.25, 1.0),
            FIVE + ONCE: Stages(0.4, 1.0, 0.15, 0.9),
            FIVE + ONCE + BFLOAT16: Stages(0.4, 1.0, 0.15, 0.5),
            FIVE + ONCE + TRUNCATED + INT8: Stages(0.4, 1.0, 0.15, 0.1, windows=0.35),
        },
        rcnn=Stages(5.0, 40.0, 10.0, 1.0),
        windows=2000,
        rcnn_windows=2000,
        rcnn_batch=16,
        feature_length=12_800,
        checked_windows=200,
        distinct={ONE: 0.8, FIVE: 0.9},
        products={ONE: 10, FIVE: 50, "R-CNN": 1000},
        bfloat16_difference=0.00234,
        int8_difference=0.0123,
        ranks=(1024, None),
    )
    methods = as_data(measured)["methods"]
    assert methods["SPP-net, 1 scale"]["speed_up"]["conv_and_pool"] == pytest.approx(50 / 0.25)
    assert methods["SPP-net, 1 scale"]["speed_up"]["total"] == pytest.approx(56 / 1.35)
    assert methods["SPP-net, 5 scales"]["speed_up"]["total"] == pytest.approx(56 / 2.65)
    assert methods["SPP-net, 5 scales, equal windows once"]["speed_up"]["total"] == pytest.approx(56 / 2.45)
    assert methods[FIVE + ONCE + TRUNCATED + INT8]["speed_up"]["total"] == pytest.approx(56 / 2)
    assert methods[FIVE + ONCE + TRUNCATED + INT8]["speed_up"]["conv_and_pool"] == pytest.approx(50 / 1.15)
    assert as_data(measured)["rcnn_extrapolated"] is False
    assert as_data(measured)["conv_products_bound"] == {ONE: 100, FIVE: 20}
    assert as_data(measured)["fc_bound"][ONE + ONCE] == pytest.approx(56 / 0.8)
    text = io.StringIO()
    Console(file=text, width=80).print(table(measured, "title"))
    assert "extrapolated" not in text.getvalue()
    assert "41.5x" in text.getvalue()
    for expected in ("equal once", "fc in bfloat16", "at 56x", "80% and 90%", "100.0 and 20.0 times", "by 0.23%"):
        assert expected in text.getvalue()
    for expected in ("truncated, int8", "by 1.2%", "ranks 1024, full"):
        assert expected in text.getvalue()
    assert max(map(len, text.getvalue().splitlines())) <= 80
    assert "SPP-net, 5 scales" in text.getvalue()


def test_layers_are_truncated_where_that_makes_them_smaller() -> None:
    layers = nn.Sequential(nn.Linear(100, 80), nn.ReLU(), nn.Linear(80, 60), nn.ReLU(), nn.Linear(60, 5))
    smaller, ranks = truncated(layers, (20, 50))
    assert ranks == (20, None)
    assert isinstance(smaller[0], LowRankLinear)
    assert [*smaller[2:]] == [*layers[2:]]
    assert smaller(torch.ones(3, 100)).shape == (3, 5)


def test_rcnn_sample_grows_with_the_device() -> None:
    assert Settings().rcnn_sample(2000, CPU) == 320
    assert Settings().rcnn_sample(100, CPU) == 100
    assert Settings().rcnn_sample(2000, torch.device("cuda")) == 2000
    assert Settings(rcnn_windows=64).rcnn_sample(2000, torch.device("cuda")) == 64


def test_rcnn_batches() -> None:
    assert Settings().rcnn_batches(2000, CPU) == (8, 16, 32, 64)
    assert Settings().rcnn_batches(10, CPU) == (8, 10)
    assert Settings(rcnn_batch=50).rcnn_batches(20, CPU) == (20,)


def test_products_of_a_stack() -> None:
    stack = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(5, 2, 1))
    assert products(stack, (9, 13)) == 4 * 6 * (3 * 5 * 9 + 5 * 2)


@pytest.mark.parametrize("name", ["windows", "rcnn_batch", "repeats", "rcnn_windows"])
def test_bad_settings(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
        Settings(**{name: 0})


def test_comparison_needs_windows() -> None:
    net = create("zf5", 2, hidden=())
    with pytest.raises(ValueError, match="windows: expected at least one, got none"):
        rcnn.compare(net, np.zeros((50, 50, 3), np.uint8), torch.zeros(0, 4), SMALL)
