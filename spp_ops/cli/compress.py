"""`spp-ops compress`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Any

import click
import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress, yellow_lines
from spp_ops.cli._data import DataOptions, data_flag_options
from spp_ops.cli._options import Numbers, device_option, examples
from spp_ops.cli._outputs import to_folder
from spp_ops.cli._runs import RunFolder
from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detectors.checkpoint import CONFIG_NAME, WEIGHTS_NAME
from spp_ops.detection.detectors.compress import Truncation, truncate
from spp_ops.detection.detectors.inference import find_windows, run_detector
from spp_ops.detection.detectors.network import hidden_layers
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.evaluation.evaluate import DetectionEvaluation, evaluate_detections
from spp_ops.engine.files import is_free, write_json

RECORD_NAME = "compression.json"
_TIMES = ("before", "after")


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "compress runs/voc --out runs/voc-small --rank 1024,256 --data data/VOC2007",
        "compress runs/voc --out runs/voc-int8 --energy 0.9 --int8 --data data/VOC2007 --split val",
        "compress runs/voc --out runs/voc-int8 --int8",
    ),
)
@click.argument("run", type=RunFolder())
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, callback=to_folder, metavar="RUN2", help="New folder."
)
@click.option(
    "--rank",
    "ranks",
    type=Numbers(),
    metavar="N[,N...]",
    help="Singular values that remain: of all layers, or of each.",
)
@click.option(
    "--energy",
    type=click.FloatRange(0, 1, min_open=True),
    help="In place of --rank: the least ones that keep this share of the sum of squares of all, layer by layer.",
)
@click.option("--int8", is_flag=True, help="Keep the layers' weights in 8 bits, and multiply in them.")
@data_flag_options
@click.option("--split", help="The split of the data to test on.  [default: test, else val]")
@device_option
def command(
    *,
    run: Path,
    out: Path,
    ranks: tuple[int, ...] | None,
    energy: float | None,
    int8: bool,
    source: DataOptions,
    split: str | None,
    device: torch.device,
) -> None:
    """Make a smaller detector of RUN: fewer and shorter weights in the hidden layers of its head (fc6, fc7, ...).

    With --rank or --energy each layer becomes two, by truncated singular values (Fast R-CNN, section 3.1), where these
    are smaller; --int8 keeps weights in 8 bits. RUN2 is a run as any other: its record says what its head is made of.
    With --data, the average precision is measured before and after.
    """
    console = Output()
    notice = yellow_lines(console)
    if ranks is not None and energy is not None:
        raise ValueError("--rank, --energy: expected one of them, got both")
    if ranks is None and energy is None and not int8:
        raise ValueError("expected --rank N, --energy SHARE or --int8, got none of them")
    if split is not None and not source.is_given:
        raise ValueError("--split: expected --data or --annotations with it, got none")
    if not is_free(out):
        raise ValueError(f"out: expected a new or empty folder, but {out} has files in it")
    before = SPPDetector.load(run)
    if not hidden_layers(before.net.head.trunk):
        raise ValueError(f"{run}: expected a detector with hidden layers in its head (fc6, ...), got one without")
    images = None
    if source.is_given:
        data = source.find()
        images = source.read(data, source.part(data, split, "test"), notice, before.classes)
    after, layers = before, list[Truncation]()
    if ranks is not None or energy is not None:
        after, layers = truncate(before, ranks, energy)
        console.print(_layers_table(layers))
    if int8:
        after = after.changed(precision="int8")
    after.save(out)
    smaller = SPPDetector.load(out)  # what is tested is what was written
    record: dict[str, Any] = {
        "run": str(run),
        "int8": int8,
        "layers": [asdict(each) for each in layers],
        "bytes": {"before": _bytes(run), "after": _bytes(out)},
    }
    tested = {} if images is None else _tested([before.to(device), smaller.to(device)], images, console)
    record["average_precision"] = {time: each.as_data() for time, each in tested.items()}
    write_json(out / RECORD_NAME, record)
    console.print(_result_table(record["bytes"], tested))


def _tested(pair: Sequence[SPPDetector], images: DetectionImages, console: Output) -> dict[str, DetectionEvaluation]:
    """Test both detectors on the same windows."""
    progress = table_progress(console)
    windows = find_windows(pair[0], images, progress=progress)
    with progress.work("detection", len(pair) * len(images)) as work:
        found = [run_detector(each, images, windows=windows, after_image=work.advance) for each in pair]
    return {time: evaluate_detections(images, each) for time, each in zip(_TIMES, found, strict=True)}


def _bytes(run: Path) -> int:
    folder = run.parent if run.name in (CONFIG_NAME, WEIGHTS_NAME) else run
    return (folder / WEIGHTS_NAME).stat().st_size


def _layers_table(layers: Sequence[Truncation]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("layer", "inputs", "outputs", "rank", "energy"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for each in layers:
        rank = "whole" if each.rank is None else f"{each.rank:,}"
        table.add_row(each.name, f"{each.inputs:,}", f"{each.outputs:,}", rank, f"{each.energy:.2%}")
    return table


def _result_table(sizes: Mapping[str, int], tested: Mapping[str, DetectionEvaluation]) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Mean average precision in %" if tested else None)
    table.add_column("")
    for heading in ("weights file", *(("11-point", "all points", "COCO") if tested else ())):
        table.add_column(heading, justify="right")
    for time in _TIMES:
        each = tested.get(time)
        means = () if each is None else (each.eleven_point, each.all_points, each.coco.ap)
        table.add_row(time, f"{sizes[time] / 1e6:.1f} MB", *("-" if isnan(m) else f"{100 * m:.1f}" for m in means))
    return table
