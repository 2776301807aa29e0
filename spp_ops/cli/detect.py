"""`spp-ops detect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console
from rich.progress import track

from spp_ops.cli._detection import yellow_lines
from spp_ops.cli._detectors import Changes, combined, detector_options, load_detectors
from spp_ops.cli._findings import Finding, image_names, write_coco_findings, write_findings
from spp_ops.cli._options import device_option, examples, seed_option
from spp_ops.datasets.labeled import readable
from spp_ops.detection.detectors.inputs import ahead, prepare
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.visualize import draw_detections
from spp_ops.engine.files import atomic_write, refuse_unwritable

_SURE = {"softmax": 0.5, "margin": 0.0}  # from such a score on an object is more likely there than not
_QUALITY = 92  # of the JPEG files


@click.command(
    epilog=examples(
        "detect photo.jpg --weights runs/raccoon --out found",
        "detect photos/*.jpg --weights runs/a --weights runs/b --out found --score-threshold 0.3 --bad-images skip",
        "detect val2017/*.jpg --weights runs/coco --out found --format coco --scales 688",
    )
)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@detector_options
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder for what is found.")
@click.option(
    "--format",
    "results_format",
    type=click.Choice(["json", "coco"]),
    default="json",
    show_default=True,
    help="detections.json, or COCO's results in coco_results.json and the images' ids in coco_images.json.",
)
@click.option("--no-images", "--no-pictures", "no_images", is_flag=True, help="Write the boxes alone.")
@click.option(
    "--bad-images",
    "on_bad",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="What to do about images that can't be read; they are named in any case.",
)
@device_option
@seed_option
def command(
    *,
    images: tuple[Path, ...],
    runs: tuple[Path, ...],
    score_threshold: float | None,
    scales: tuple[int, ...] | None,
    proposals: ProposalConfig | None,
    windows: int | None,
    out: Path,
    results_format: str,
    no_images: bool,
    on_bad: Any,
    device: torch.device,
    seed: int,
) -> None:
    """Find objects in images; write each image with its boxes, and all boxes as JSON.

    The score threshold is 0.5 for detectors that give probabilities and 0 for those that give margins, unless
    --score-threshold says otherwise. Nothing is random here: --seed is taken and changes nothing.
    """
    refuse_unwritable("out", out, folder=True)
    console = Console()
    detectors = load_detectors(runs, Changes(score_threshold, scales, proposals, windows), device)
    if score_threshold is None:
        detectors = [each.changed(score_threshold=_SURE[each.config.score]) for each in detectors]
    detector = combined(detectors)
    paths = [images[row] for row in readable(images, on_bad, yellow_lines(console))]
    findings: list[Finding] = []
    prepared = ahead(lambda path: prepare(path, None, detector.proposals), paths, 2)
    shown = track(prepared, "images", len(paths), console=console, transient=True)
    for path, name, image in zip(paths, image_names(paths), shown, strict=True):
        found = detector.find(image)
        height, width = image.pixels.shape[:2]
        findings.append(Finding(path, width, height, None if no_images else name, found))
        if not no_images:
            with atomic_write(out / name) as temporary:
                draw_detections(image.pixels, found).save(temporary, quality=_QUALITY)
    write = write_coco_findings if results_format == "coco" else write_findings
    write(out, findings, detector.classes)
    objects = sum(len(each.detections) for each in findings)
    console.print(f"{objects} object{'s' * (objects != 1)} in {len(paths)} images; see {out}", highlight=False)
