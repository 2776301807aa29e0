"""The paper's staged training on real data: pyramids, scales, box regression, fine-tuned layers.

python -m benchmarks.detection.staged raccoon|boards [--seeds 2] [--runs FOLDER] [--only TEXT]

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
from rich.console import Console

from benchmarks.data_root import find_data
from benchmarks.detection.common import RESULTS, WEIGHTS, Experiment, load_results, machine_of
from spp_ops.datasets.image import load_image
from spp_ops.detection import SPPDetector
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.inference import find_windows
from spp_ops.detection.detectors.postprocess import select
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.features.regions import ScaledMaps
from spp_ops.detection.proposals import Boxes
from spp_ops.detection.staged import SMALL, StagedConfig, StagedJob, train_staged
from spp_ops.engine.config import as_data
from spp_ops.engine.display import ConsoleProgress
from spp_ops.engine.files import write_json

# Shorter sides of the resized photos; those of the raccoons are the smaller ones, and their objects the larger ones.
SCALES = {
    "raccoon": {1: (480,), 5: (240, 320, 480, 576, 688)},
    "boards": {1: (688,), 5: (480, 576, 688, 816, 960)},
}
# A window is looked at on the photo on which its area is nearest this square's.
TARGET_AREAS = {"raccoon": 224.0**2, "boards": 320.0**2}
# Rows of these pyramids are long and the images few: a larger C than the paper's lets the SVMs fit them.
TRAINING = replace(SMALL, svms=replace(SMALL.svms, c=1e-2))


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    name: str
    levels: tuple[int, ...] = (3, 2, 1)
    scales: int = 1
    hidden: tuple[int, ...] = ()
    seeds: int = 1


SETTINGS = (
    Setting("{3,2,1}, 5 scales", scales=5, seeds=2),
    Setting("{6,3,2,1}, 5 scales", levels=(6, 3, 2, 1), scales=5),
    Setting("{3,2,1}, 1 scale"),
    Setting("{1}, 1 scale", levels=(1,)),
    Setting("{6}, 1 scale", levels=(6,)),
    Setting("{6,3,2,1}, 1 scale", levels=(6, 3, 2, 1)),
    Setting("{3,2,1}, 1 scale, fine-tuned fc6", hidden=(512,)),
)


@click.command()
@click.argument("data", type=click.Choice(["boards", "raccoon"]))
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="At most.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Run folders.")
@click.option("--only", default="", help="Settings whose names hold this.")
def main(data: str, seeds: int, runs: Path, only: str) -> None:
    """Train, test and write the results."""
    experiment = Experiment.read(data)
    file = RESULTS / f"staged-{data}.json"
    results = load_results(file)
    results |= {"data": data, "training": as_data(TRAINING), "machine": machine_of()}
    rows = results.setdefault("settings", {})
    tester = Tester(experiment)
    for setting in SETTINGS:
        if only not in setting.name:
            continue
        row = rows.setdefault(setting.name, {})
        for seed in range(min(setting.seeds, seeds)):
            config = replace(TRAINING, seed=seed)
            run(tester, setting, config, runs / f"staged-{data}", row)
            write_json(file, results)


class Tester:
    """Scores detectors whose convolutions are all the same: the test images' maps are computed once a set of scales.

    Attributes:
        experiment: whose test images.
        windows: of each of them; found when first needed.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.windows: list[Boxes] | None = None
        self._maps: dict[tuple[int, ...], list[ScaledMaps]] = {}

    def score(self, detector: SPPDetector) -> dict[str, Any]:
        """Average precisions, as plain data."""
        images = self.experiment.test
        loaded = [load_image(path) for path in images.paths]
        self.windows = find_windows(detector, images) if self.windows is None else self.windows
        sides = detector.config.scales
        if sides not in self._maps:
            self._maps = {sides: [detector.maps(pixels) for pixels in loaded]}
        found = [
            select(detector.candidates(pixels, torch.from_numpy(windows), maps), detector.config)
            for pixels, windows, maps in zip(loaded, self.windows, self._maps[sides], strict=True)
        ]
        return evaluate_detections(images, found).as_data()


def run(tester: Tester, setting: Setting, config: StagedConfig, runs: Path, row: dict[str, Any]) -> None:
    """Train one detector, and test it with and without box regression, if that is not done."""
    letters = "".join(letter for letter in setting.name if letter.isalnum() or letter == " ").replace(" ", "-")
    folder = runs / f"{letters}-{config.seed}"
    key = str(config.seed)
    if key in row:
        return
    data = tester.experiment.name
    detector = DetectorConfig(
        tester.experiment.train.classes,
        levels=setting.levels,
        scales=SCALES[data][setting.scales],
        target_area=TARGET_AREAS[data],
        hidden=setting.hidden,
    )
    if setting.hidden:
        config = replace(config, svms=replace(config.svms, layer=None))
    job = StagedJob(folder, str(find_data(*WEIGHTS)), resume=True, maps=runs / "maps")
    begun = time.perf_counter()
    trained = train_staged(
        tester.experiment.train,
        detector,
        config,
        job=job,
        device=torch.device("cpu"),
        progress=ConsoleProgress(Console()),
    )
    found: dict[str, Any] = {"training_seconds": time.perf_counter() - begun, "boxes": tester.score(trained)}
    trained.net.head.box = None
    found["no boxes"] = tester.score(trained.changed(box_input=None))
    row[key] = found


if __name__ == "__main__":
    main()
