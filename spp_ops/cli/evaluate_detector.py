"""`spp-ops evaluate-detector`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress, tell_missing_letters, yellow_lines
from spp_ops.cli._data import DataOptions, data_options
from spp_ops.cli._detectors import Changes, combined, detector_options, load_detectors
from spp_ops.cli._options import device_option, examples, seed_option
from spp_ops.cli._outputs import output_options
from spp_ops.detection.coco_results import write_coco_results
from spp_ops.detection.detectors.head import HeadPrecision
from spp_ops.detection.detectors.inference import find_windows, run_detector
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.evaluation.report import class_table, evaluation_data, evaluation_table, save_curves
from spp_ops.detection.proposals import Boxes, ProposalConfig
from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.files import write_json


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "evaluate-detector data/VOC2007 --weights runs/joint",
        "evaluate-detector data/VOC2007 --weights runs/a --weights runs/b --split val --json map.json --plot map.png",
        "evaluate-detector --annotations data/val.json --images data/val2017 --weights runs/coco --results found.json",
        "evaluate-detector data/VOC2007 --weights runs/joint --scales 688 --windows 1000",
    ),
)
@data_options
@click.option("--split", help="The split of DATA to test on.  [default: test, else val]")
@detector_options
@click.option(
    "--iou",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="Overlap from which on an object counts as found (Pascal VOC's figures).",
)
@output_options(
    json="Write the figures there.",
    plot="Draw precision over recall there (.png, .svg, .pdf).",
    results="Write the boxes there in COCO's results format.",
)
@click.option("--paper", is_flag=True, help="Show the paper's figures of Pascal VOC 2007 beside them.")
@click.option(
    "--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="Processes that find windows; 0: all."
)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for windows found.  [default: ~/.cache/spp_ops]")
@device_option
@seed_option
def command(
    *,
    source: DataOptions,
    split: str | None,
    runs: tuple[Path, ...],
    score_threshold: float | None,
    scales: tuple[int, ...] | None,
    proposals: ProposalConfig | None,
    windows: int | None,
    precision: HeadPrecision | None,
    backend: str,
    iou: float,
    json_path: Path | None,
    plot_path: Path | None,
    results_path: Path | None,
    paper: bool,
    workers: int,
    cache: Path | None,
    device: torch.device,
    seed: int,
) -> None:
    """Test a detector on DATA: a folder or file of Pascal VOC's, COCO's or YOLO's annotations, or CSV.

    Prints each class's average precision and their means by the rules of Pascal VOC 2007 (11-point), of later years
    (all points) and of COCO. Under `torchrun` the images are shared by all processes. Nothing is random here: --seed is
    taken and changes nothing.
    """
    console = Output()
    fabric = make_fabric(device)
    detectors = load_detectors(runs, Changes(score_threshold, scales, proposals, windows, precision), fabric.device)
    detector = combined(detectors, backend)
    data = source.find()
    part = source.part(data, split, "test")
    notice = yellow_lines(console)
    labeled = source.read(data, part, notice, detector.classes)
    if plot_path is not None:
        tell_missing_letters(detector.classes, notice)
    begun = time.perf_counter()
    progress = table_progress(console)
    boxes = find_windows(detector, labeled, cache=cache, workers=workers, fabric=fabric, progress=progress)
    proposed = time.perf_counter()
    with progress.work("detection", -(-len(labeled) // fabric.world_size)) as work:
        found = run_detector(detector, labeled, windows=boxes, after_image=work.advance, fabric=fabric)
    done = time.perf_counter()
    if not fabric.is_global_zero:
        return
    evaluation = evaluate_detections(labeled, found, iou)
    configs = [each.config for each in detectors]
    name = source.source.name
    seconds = {"windows": (proposed - begun) / len(labeled), "detector": (done - proposed) / len(labeled)}
    # Files first: what was computed is safe, whatever becomes of the plot and the tables.
    if json_path is not None:
        write_json(json_path, evaluation_data(evaluation, configs, seconds))
    if results_path is not None:
        write_coco_results(results_path, labeled.ids, found, data.categories(part))
    try:
        if plot_path is not None:
            save_curves(plot_path, evaluation)
    finally:
        console.print(class_table(evaluation))
        console.print(evaluation_table(evaluation, configs, name, paper=paper))
        console.print(_told(boxes, detector.proposals, seconds))


def _told(boxes: Sequence[Boxes] | None, proposals: ProposalConfig, seconds: dict[str, float]) -> str:
    """What an image's windows and detection took."""
    if boxes is None:
        return f"an image: at most {proposals.limit} learned windows and their detection, {seconds['detector']:.3f} s"
    count = sum(map(len, boxes)) / len(boxes)
    return (
        f"an image: {count:.0f} windows in {seconds['windows']:.3f} s (0 where they were kept from before), "
        f"detector {seconds['detector']:.3f} s"
    )
