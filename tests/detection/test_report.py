"""Evaluations as tables, JSON and images."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image
from rich.console import Console

from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.evaluation.evaluate import DetectionEvaluation, evaluate_detections
from spp_ops.detection.evaluation.report import class_table, evaluation_table, save_curves

CLASSES = ("cat", "dog", "fox")
BOXES = np.array([[0, 0, 49, 49], [60, 0, 109, 49], [0, 60, 49, 109]], np.float32)


@pytest.fixture
def evaluation() -> DetectionEvaluation:
    """Both cats found, the dog not, and no fox there."""
    truth = Objects(BOXES, np.array([0, 0, 1]), np.zeros(3, np.bool_))
    found = Detections(BOXES[:2], np.array([0.9, 0.8], np.float32), np.array([0, 0]), CLASSES)
    images = DetectionImages((Path("a.jpg"),), ("a",), (0,), (truth,), CLASSES)
    return evaluate_detections(images, [found])


def test_a_row_a_class(evaluation: DetectionEvaluation) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(class_table(evaluation))
    rows = [line.strip("│ ").split() for line in console.export_text().replace("│", " ").splitlines()]
    assert ["cat", "2", "2", "100.0", "100.0", "100.0"] in rows
    assert ["dog", "1", "0", "0.0", "0.0", "0.0"] in rows
    assert ["fox", "0", "0", "-", "-", "-"] in rows


def test_the_papers_rows_come_when_asked_for(evaluation: DetectionEvaluation) -> None:
    printed = []
    for paper in (False, True):
        text = io.StringIO()
        config = DetectorConfig(CLASSES)
        Console(width=120, file=text).print(evaluation_table(evaluation, [config], "data", paper=paper))
        printed.append(text.getvalue())
    assert "paper" not in printed[0]
    assert "59.2" in printed[1]
    assert "Pascal VOC 2007 test" in printed[1]


def test_data_for_json(evaluation: DetectionEvaluation) -> None:
    data = json.loads(json.dumps(evaluation.as_data(), allow_nan=False))
    assert data["mean_ap_11_point"] == data["mean_ap_all_points"] == 0.5
    assert data["coco"]["small"] is None
    assert data["coco"]["medium"] == pytest.approx(0.5)
    assert data["classes"]["cat"]["found"] == 2
    assert data["classes"]["fox"]["ap_11_point"] is None


def test_curves_are_drawn(evaluation: DetectionEvaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[list[float], list[float]]] = []

    def plot(axes: Axes, recall: np.ndarray, precision: np.ndarray, **style: object) -> object:
        drawn.append((recall.tolist(), precision.tolist()))
        return right(axes, recall, precision, **style)

    right = Axes.plot
    monkeypatch.setattr(Axes, "plot", plot)
    save_curves(tmp_path / "curves.png", evaluation)
    assert drawn == [([0.0, 0.5, 1.0], [1.0, 1.0, 1.0]), ([], [])]  # from recall 0 on
    pixels = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).astype(int)
    assert (np.ptp(pixels, axis=2) > 60).sum() > 500  # colored lines
