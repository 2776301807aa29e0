"""What the measurements of detectors share: the data, the windows, the score, the file of results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.data_root import find_data
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.voc import read_voc_detection
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.inference import find_windows, run_detector
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.proposals import Boxes
from spp_ops.engine.machine import describe_machine

RESULTS = Path(__file__).parents[1] / "results" / "detection"
WEIGHTS = ("weights", "squeezenet1_0_imagenet.pt")


@dataclass(frozen=True)
class Experiment:
    """Images to learn from and to be tested on, and the data set's name."""

    name: str
    train: DetectionImages
    test: DetectionImages

    @staticmethod
    def read(data: str) -> Experiment:
        """Read a data set below SPP_OPS_DATA: trainval and test."""
        train = read_voc_detection(find_data(data), "trainval")
        return Experiment(data, train, read_voc_detection(find_data(data), "test", classes=train.classes))


def score(detector: Detector, experiment: Experiment, windows: list[Boxes] | None = None) -> dict[str, Any]:
    """Average precisions on the test images, as plain data."""
    windows = find_windows(detector, experiment.test) if windows is None else windows
    return evaluate_detections(experiment.test, run_detector(detector, experiment.test, windows=windows)).as_data()


def load_results(file: Path) -> dict[str, Any]:
    """What an interrupted measurement has found so far."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def machine_of() -> dict[str, Any]:
    """Describe the machine."""
    return describe_machine(torch.device("cpu"))
