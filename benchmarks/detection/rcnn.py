"""R-CNN and SPP-net with the same windows, pyramid, SVMs and box regression on real data: accuracy and time.

python -m benchmarks.detection.rcnn raccoon|boards [--runs FOLDER]

Both look at the few windows that selective search finds on small images, as R-CNN sends each of them through all
convolutions, in training as well. Writes benchmarks/results/detection/rcnn-DATA.json after each contestant and goes on
where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console

from benchmarks.data_root import find_data
from benchmarks.detection.common import RESULTS, WEIGHTS, Experiment, load_results, machine_of
from benchmarks.detection.staged import SCALES, TARGET_AREAS, TRAINING
from spp_ops.detection import DetectorConfig, ProposalConfig
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.inference import find_windows
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.staged import StagedJob, train_rcnn, train_staged
from spp_ops.engine.config import as_data
from spp_ops.engine.display import ConsoleProgress
from spp_ops.engine.files import write_json

PROPOSALS = ProposalConfig(side=200)


@click.command()
@click.argument("data", type=click.Choice(sorted(SCALES)))
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Run folders.")
def main(data: str, runs: Path) -> None:
    """Train, test and write the results."""
    experiment = Experiment.read(data)
    file = RESULTS / f"rcnn-{data}.json"
    results = load_results(file)
    results |= {"data": data, "training": as_data(TRAINING), "proposals": as_data(PROPOSALS), "machine": machine_of()}
    contestants: list[tuple[str, Callable[..., Detector], tuple[int, ...]]] = [
        ("SPP-net, 1 scale", train_staged, SCALES[data][1]),
        ("SPP-net, 5 scales", train_staged, SCALES[data][5]),
        ("R-CNN", train_rcnn, SCALES[data][1]),
    ]
    for number, (name, train, scales) in enumerate(contestants):
        row = results.setdefault(name, {})
        if "seconds_an_image" in row:
            continue
        detector = DetectorConfig(
            experiment.train.classes,
            levels=(3, 2, 1),
            hidden=(),
            scales=scales,
            target_area=TARGET_AREAS[data],
            proposals=PROPOSALS,
        )
        job = StagedJob(runs / f"rcnn-{data}-{number}", str(find_data(*WEIGHTS)), resume=True)
        trained = train(
            experiment.train,
            detector,
            TRAINING,
            job=job,
            device=torch.device("cpu"),
            progress=ConsoleProgress(Console()),
        )
        row |= test(trained, experiment)
        write_json(file, results)


def test(detector: Detector, experiment: Experiment) -> dict[str, Any]:
    """Average precisions, and the time an image takes when its windows are known."""
    images = experiment.test
    windows = find_windows(detector, images)
    begun = time.perf_counter()
    found = detector.detect_batch(images.paths, windows, workers=0)
    seconds = (time.perf_counter() - begun) / len(images)
    mean = sum(map(len, windows)) / len(windows)
    return {"seconds_an_image": seconds, "windows_an_image": mean, **evaluate_detections(images, found).as_data()}


if __name__ == "__main__":
    main()
