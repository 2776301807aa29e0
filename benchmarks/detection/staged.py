"""The paper's staged training on real data: pyramids, scales, box regression, fine-tuned layers, combination.

python benchmarks/detection/staged.py raccoon|boards [--seeds 3] [--runs FOLDER] [--only TEXT]

Feature maps are computed once and shared by all runs. Writes benchmarks/results/detection/staged-DATA.json after each
run and goes on where it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import torch
from common import RESULTS, WEIGHTS, Experiment, load_results, machine_of, score
from rich.console import Console

from spp_ops.datasets.root import find_data
from spp_ops.detection import CombinedDetector, SPPDetector
from spp_ops.detection.detector_config import DetectorConfig
from spp_ops.detection.staged import SMALL, StagedConfig, StagedJob, train_staged
from spp_ops.files import write_json
from spp_ops.records import as_data

FIVE_SCALES = (240, 320, 480, 576, 688)  # the photos are smaller than the paper's
TRAINING = SMALL


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    name: str
    levels: tuple[int, ...] = (3, 2, 1)
    scales: tuple[int, ...] = (480,)
    hidden: tuple[int, ...] = ()
    seeds: int = 1


SETTINGS = (
    Setting("{3,2,1}, 1 scale", seeds=3),
    Setting("{1}, 1 scale", levels=(1,)),
    Setting("{3,2,1}, 5 scales", scales=FIVE_SCALES),
    Setting("{6}, 1 scale", levels=(6,)),
    Setting("{6,3,2,1}, 1 scale", levels=(6, 3, 2, 1)),
    Setting("{3,2,1}, 1 scale, fine-tuned fc6", hidden=(512,), seeds=2),
)


@click.command()
@click.argument("data", type=click.Choice(["boards", "raccoon"]))
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="At most.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Run folders.")
@click.option("--only", default="", help="Settings whose names hold this.")
def main(data: str, seeds: int, runs: Path, only: str) -> None:
    """Train, test and write the results."""
    experiment = Experiment.read(data)
    file = RESULTS / f"staged-{data}.json"
    results = load_results(file)
    results |= {"data": data, "training": as_data(TRAINING), "machine": machine_of()}
    rows = results.setdefault("settings", {})
    for setting in SETTINGS:
        if only not in setting.name:
            continue
        row = rows.setdefault(setting.name, {})
        detectors = []
        for seed in range(min(setting.seeds, seeds)):
            detectors.append(run(experiment, setting, replace(TRAINING, seed=seed), runs / f"staged-{data}", row))
            write_json(file, results)
        if len(detectors) > 1 and "two combined" not in row:
            row["two combined"] = score(CombinedDetector(detectors[:2]), experiment)
            write_json(file, results)


def run(experiment: Experiment, setting: Setting, config: StagedConfig, runs: Path, row: dict[str, Any]) -> SPPDetector:
    """Train one detector, or read it where it is done, and test it with and without box regression."""
    letters = "".join(letter for letter in setting.name if letter.isalnum() or letter in " ,").replace(" ", "-")
    folder = runs / f"{letters.replace(',', '')}-{config.seed}"
    key = str(config.seed)
    if key in row and (folder / "detector.json").is_file():
        return SPPDetector.load(folder)
    detector = DetectorConfig(
        experiment.train.classes, levels=setting.levels, scales=setting.scales, hidden=setting.hidden
    )
    if setting.hidden:
        config = replace(config, svms=replace(config.svms, layer=None))
    job = StagedJob(folder, str(find_data(*WEIGHTS)), resume=True, maps=runs / "maps")
    begun = time.perf_counter()
    trained = train_staged(experiment.train, detector, config, job=job, device=torch.device("cpu"), console=Console())
    found: dict[str, Any] = {"training_seconds": time.perf_counter() - begun, "boxes": score(trained, experiment)}
    corrections, trained.net.head.box = trained.net.head.box, None
    found["no boxes"] = score(trained.changed(box_input=None), experiment)
    trained.net.head.box = corrections
    row[key] = found
    return trained


if __name__ == "__main__":
    main()
