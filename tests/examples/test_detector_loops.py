"""The examples of training loops of other libraries learn, and leave a detector that can be used."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from types import ModuleType

import pytest
from scenes import COLORS, write_scenes

from spp_ops.datasets import load_image
from spp_ops.detection import SPPDetector

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few images of colored rectangles; proposals of them are kept in a folder of the test."""
    monkeypatch.setenv("SPP_OPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(FOLDER)
    return write_scenes(tmp_path / "data", {"train": 8, "val": 4})


def example(name: str) -> ModuleType:
    library = name.partition("_")[0]
    pytest.importorskip(library)
    return importlib.import_module(name)


def finds_colors(run: Path, data: Path) -> bool:
    """Whether a run's detector names a color in an image it was trained on."""
    found = SPPDetector.load(run).detect(load_image(data / "JPEGImages" / "train_00.png"))
    assert found.classes == tuple(sorted(COLORS))
    return len(found) > 0 and float(found.scores[0]) > 0.2


def test_accelerate(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = example("accelerate_detector").main
    detector, history = main(
        [str(data), "--epochs", "3", "--workers", "1", "--lr", "0.003", "--out", str(tmp_path / "run")]
    )
    assert history[-1] < 0.8 * history[0]
    assert not detector.training
    assert "mean average precision" in capsys.readouterr().out
    assert finds_colors(tmp_path / "run", data)


def test_lightning(data: Path, tmp_path: Path) -> None:
    main = example("lightning_detector").main
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of workers, logs and progress, which are none of the example's
        learner = main([str(data), "--epochs", "3", "--workers", "1", "--lr", "0.003", "--out", str(tmp_path / "run")])
    metrics = learner.trainer.callback_metrics
    assert {"loss_classifier", "loss_box_reg", "map"} <= set(metrics)
    assert 0 <= float(metrics["map"]) <= 1
    assert finds_colors(tmp_path / "run", data)
