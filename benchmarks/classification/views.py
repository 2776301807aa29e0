"""Views pooled from feature maps beside the same views cut from the image: time and agreement, on ants and bees.

    python -m benchmarks.classification.views RUN [--images 20]

RUN is a classifier trained by `spp-ops train-classifier`. Times are processor time, so that other work on the machine
counts for little; both ways run in turn on each image.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.classification.rows import images
from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.evaluation import Images
from spp_ops.classification.scoring import Source, ViewScorer
from spp_ops.classification.views import make_views
from spp_ops.engine.files import write_json
from spp_ops.engine.machine import describe_machine

RESULTS = Path(__file__).parents[1] / "results" / "classification" / "views.json"
SOURCES: tuple[Source, ...] = ("maps", "images")


def compare(checkpoint: Checkpoint, name: str, count: int) -> dict[str, Any]:
    """Score images from all of the test set, evenly spaced, both ways."""
    held_out = images("val")
    chosen = np.linspace(0, len(held_out) - 1, count).astype(int).tolist()
    labels = [held_out.labels[row] for row in chosen]
    net = checkpoint.classifier()
    scorers = {source: ViewScorer(net, make_views(name), source) for source in SOURCES}
    seconds: dict[str, list[float]] = {source: [] for source in SOURCES}
    scores: dict[str, list[torch.Tensor]] = {source: [] for source in SOURCES}
    for _, image in track(Images(held_out.paths, chosen), f"{name} views", total=count, transient=True):
        for source, scorer in scorers.items():
            begun = time.process_time()
            scores[source].append(scorer(image))
            seconds[source].append(time.process_time() - begun)
    views = {source: torch.stack(parts) for source, parts in scores.items()}  # [N, V, K]
    means = {source: parts.mean(dim=1) for source, parts in views.items()}
    best = {source: parts.argmax(dim=1) for source, parts in means.items()}
    return {
        "views": len(make_views(name)),
        "images": count,
        "seconds_an_image": {source: float(np.median(times)) for source, times in seconds.items()},
        "speed_up": float(np.median(seconds["images"]) / np.median(seconds["maps"])),
        "errors_percent": {
            source: 100 * float(np.mean([int(a) != b for a, b in zip(found, labels, strict=True)]))
            for source, found in best.items()
        },
        "same_class_percent": 100 * float((best["maps"] == best["images"]).float().mean()),
        "mean_difference_of_a_view": float((views["maps"] - views["images"]).abs().mean()),
        "mean_difference_of_an_image": float((means["maps"] - means["images"]).abs().mean()),
    }


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--images", "count", type=click.IntRange(1), default=153, show_default=True, help="For the 10 views.")
@click.option("--few", type=click.IntRange(1), default=12, show_default=True, help="For the 96 views.")
def main(run: Path, count: int, few: int) -> None:
    """Measure, print and write the results."""
    checkpoint = Checkpoint.load(run)
    results = {name: compare(checkpoint, name, number) for name, number in (("10", count), ("96", few))}
    table = Table("views", "images", "s an image: maps", "cut out", "speed-up", "error %", "same class %", "difference")
    for name, result in results.items():
        seconds, errors = result["seconds_an_image"], result["errors_percent"]
        table.add_row(
            *(name, str(result["images"]), f"{seconds['maps']:.3f}", f"{seconds['images']:.3f}"),
            *(f"{result['speed_up']:.1f}x", f"{errors['maps']:.1f}, {errors['images']:.1f}"),
            *(f"{result['same_class_percent']:.1f}", f"{result['mean_difference_of_an_image']:.3f}"),
        )
    Console(width=120).print(table)
    machine = {**describe_machine(torch.device("cpu")), "threads": torch.get_num_threads()}
    write_json(RESULTS, {"what": "views from maps and cut out", "machine": machine, "results": results})


if __name__ == "__main__":
    main()
