"""Learned windows beside those of selective search: the same network, trained and tested on both, several seeds.

python -m benchmarks.detection.learned_proposals raccoon|boards [--seeds 3] [--methods learned,selective-search-fast]
python -m benchmarks.detection.learned_proposals table

Writes benchmarks/results/detection/learned-DATA.json after each run and goes on where it was; `table` prints the table
of docs/proposals.md.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import click
import torch
from rich.console import Console

from benchmarks.data_root import find_data
from benchmarks.detection.common import RESULTS, WEIGHTS, Experiment, load_results, machine_of
from spp_ops.datasets.image import load_image
from spp_ops.detection import DetectorConfig, ProposalConfig, SPPDetector
from spp_ops.detection.detectors.inference import propose_learned, run_detector
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.joint import JointConfig, JointJob, train_joint
from spp_ops.detection.proposals import Boxes, propose
from spp_ops.detection.proposals.recall import IOUS, measure_recall
from spp_ops.engine.config import as_data
from spp_ops.engine.display import ConsoleProgress
from spp_ops.engine.files import write_json

METHODS = {
    "learned": ProposalConfig("learned", limit=300),
    "selective-search-fast": ProposalConfig("selective-search-fast"),
}
SCALES = {"raccoon": 400, "boards": 600}  # shorter sides of the images that the detector looks at
TRAINING_SCALES = {"raccoon": (320, 400, 480), "boards": (480, 600, 720)}
COUNTS, SHOWN_IOUS = (100, 300, 1000), (0.5, 0.7)
TIMED_IMAGES = 20
# One linear layer on the pooled rows; the lowest convolutions, which hold edges and colors, keep their weights.
TRAINING = JointConfig(
    epochs=8,
    object_copies=16,
    frozen_layers=7,
    row_rms=0.0625,
    precision="bf16-mixed",
)


@click.command()
@click.argument("data", type=click.Choice(["raccoon", "boards", "table"]))
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--methods", default=",".join(METHODS), show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Run folders.")
def main(data: str, seeds: int, methods: str, runs: Path) -> None:
    """Train, test and write the results."""
    if data == "table":
        return print_table()
    experiment = Experiment.read(data)
    file = RESULTS / f"learned-{data}.json"
    results = load_results(file) | {
        "data": data,
        "scale": SCALES[data],
        "training": as_data(TRAINING),
        "machine": machine_of(),
    }
    for method in methods.split(","):
        rows: dict[str, Any] = results.setdefault(method, {})
        for seed in map(str, range(seeds)):
            if seed not in rows:
                rows[seed] = measure(experiment, method, int(seed), runs / f"{method}-{data}-{seed}")
                write_json(file, results)
    return None


def measure(experiment: Experiment, method: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train one detector and test it."""
    detector = DetectorConfig(
        experiment.train.classes, hidden=(), scales=(SCALES[experiment.name],), proposals=METHODS[method]
    )
    job = JointJob(folder, str(find_data(*WEIGHTS)), resume=True)
    console = ConsoleProgress(Console())
    begun = time.perf_counter()
    config = replace(TRAINING, seed=seed, scales=TRAINING_SCALES[experiment.name])
    trained = train_joint(
        experiment.train, None, detector, config, job=job, device=torch.device("cpu"), progress=console
    )
    seconds = time.perf_counter() - begun
    windows = None if method == "learned" else propose(experiment.test.paths, detector.proposals)
    evaluation = evaluate_detections(experiment.test, run_detector(trained, experiment.test, windows=windows))
    return {
        "training_seconds": seconds,
        "detector": as_data(trained.config),
        **evaluation.as_data(),
        "recall": recalls(all_windows(trained, experiment), experiment),
        "median_seconds_an_image": timed(trained, experiment),
    }


def all_windows(detector: SPPDetector, experiment: Experiment) -> list[Boxes]:
    """Many windows of each test image, the most promising ones first."""
    if detector.proposals.method != "learned":
        return propose(experiment.test.paths, replace(detector.proposals, limit=max(COUNTS)))
    more = replace(detector.proposals, limit=max(COUNTS))
    return propose_learned(detector.changed(proposals=more), experiment.test.paths)


def recalls(windows: list[Boxes], experiment: Experiment) -> dict[str, float]:
    """Share of the objects that the first windows cover."""
    found = {}
    for count in COUNTS:
        measured = measure_recall([boxes[:count] for boxes in windows], experiment.test.objects)
        for iou in SHOWN_IOUS:
            found[f"{count} windows, IoU {iou}"] = float(measured.shares[-1][IOUS.index(iou)])
    return found


def timed(detector: SPPDetector, experiment: Experiment) -> float:
    """Median seconds from a decoded image to its objects, windows included."""
    seconds = []
    for path in experiment.test.paths[: TIMED_IMAGES + 1]:
        pixels = load_image(path)
        begun = time.perf_counter()
        detector.detect(pixels)
        seconds.append(time.perf_counter() - begun)
    return median(seconds[1:])  # the first one makes the head


def print_table() -> None:
    """The results as a table in Markdown."""
    shown = [f"{count} windows, IoU {iou}" for iou in SHOWN_IOUS for count in COUNTS]
    heads = [f"recall {iou}, {count}" for iou in SHOWN_IOUS for count in COUNTS]
    print(f"| | seeds | AP, 11 points | AP, COCO | {' | '.join(heads)} | seconds |")
    print("|---|" + "---|" * (len(heads) + 4))
    for data in ("raccoon", "boards"):
        results = load_results(RESULTS / f"learned-{data}.json")
        for method in METHODS:
            rows = list(results.get(method, {}).values())
            if rows:
                cells = [str(len(rows)), _spread([row["mean_ap_11_point"] for row in rows])]
                cells.append(_spread([row["coco"]["ap"] for row in rows]))
                cells += [f"{mean(row['recall'][name] for row in rows):.2f}" for name in shown]
                cells.append(f"{mean(row['median_seconds_an_image'] for row in rows):.2f}")
                print(f"| {data}, {method} | {' | '.join(cells)} |")


def _spread(values: list[float]) -> str:
    middle = f"{mean(values):.3f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
