"""What bfloat16 in its fully connected layers changes in what a trained detector finds.

python -m benchmarks.detection.precision RUN raccoon|boards

Prints the average precision on the test images both ways, and how far the detections' scores move.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from benchmarks.detection.common import Experiment
from spp_ops.detection import SPPDetector
from spp_ops.detection.detectors.inference import find_windows, run_detector
from spp_ops.detection.evaluation.evaluate import evaluate_detections


@click.command()
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("data")
def main(run: Path, data: str) -> None:
    """Test a run's detector in float32 and in bfloat16."""
    experiment = Experiment.read(data)
    detector = SPPDetector.load(run)
    windows = find_windows(detector, experiment.test)
    exact = run_detector(detector, experiment.test, windows=windows)
    rounded = run_detector(detector.changed(precision="bfloat16"), experiment.test, windows=windows)
    moved = [
        np.abs(np.sort(one.scores) - np.sort(other.scores)).max(initial=0)
        for one, other in zip(exact, rounded, strict=True)
        if len(one.scores) == len(other.scores)
    ]
    figures = {
        "images": len(experiment.test),
        "float32": evaluate_detections(experiment.test, exact).eleven_point,
        "bfloat16": evaluate_detections(experiment.test, rounded).eleven_point,
        "images_with_as_many_detections": len(moved),
        "largest_move_of_a_score": float(max(moved, default=0)),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
