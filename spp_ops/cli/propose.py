"""`spp-ops propose`."""

from __future__ import annotations

import time
from pathlib import Path

import click
import torch

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress, yellow_lines
from spp_ops.cli._data import DataOptions, data_options
from spp_ops.cli._detection import METHODS, Proposals
from spp_ops.cli._options import device_option, examples
from spp_ops.cli._outputs import output_options
from spp_ops.cli._runs import RunFolder
from spp_ops.cli._sources import Sources
from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.datasets.labeled import readable
from spp_ops.datasets.problems import Notice
from spp_ops.detection.detectors.inference import propose_learned
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import ProposalConfig, propose
from spp_ops.detection.proposals.recall import measure_recall, recall_table, save_recall
from spp_ops.detection.proposals.writing import WRITERS, write_boxes
from spp_ops.engine.files import write_json

_ANNOTATIONS = frozenset({".csv", ".json", ".txt", ".xml", ".yaml", ".yml"})


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "propose photos --out boxes.npz",
        "propose data/VOC2007 --split trainval --out voc_2007_trainval.mat --method selective-search-quality",
        "propose --annotations train.json --images train2017 --windows 1000 --out proposals.pkl",
        "propose data/VOC2007 --split test --recall --plot recall.png",
        "propose data/VOC2007 --split test --method learned --weights runs/joint --recall",
    ),
)
@data_options
@click.option("--split", help="The split of DATA.  [default: test, else val]")
@click.option(
    "--method",
    type=Proposals(),
    default=METHODS[0],
    show_default=True,
    metavar="M",
    help=f"One of {', '.join(METHODS)}; or a file of boxes, to write it in another format.",
)
@click.option(
    "--windows",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="At most so many windows an image, the first ones.",
)
@click.option("--weights", type=RunFolder(), metavar="RUN", help="The run whose detector proposes: method learned.")
@click.option(
    "--side",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Each image is resized so that its longer side has so many pixels; boxes are those of the original.",
)
@click.option("--recall", is_flag=True, help="Say what share of DATA's objects the windows cover.")
@output_options(
    out=f"Write the boxes there: {', '.join(WRITERS)} (R-CNN's layout; Detectron's and detectron2's).",
    json="Write the recall there.",
    plot="Draw recall over IoU and over the number of windows there (.png, .svg, .pdf).",
)
@click.option(
    "--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="Processes that find windows; 0: all."
)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for windows found.  [default: ~/.cache/spp_ops]")
@device_option
def command(
    *,
    source: DataOptions,
    split: str | None,
    method: ProposalConfig,
    windows: int,
    weights: Path | None,
    side: int,
    recall: bool,
    out_path: Path | None,
    json_path: Path | None,
    plot_path: Path | None,
    workers: int,
    cache: Path | None,
    device: torch.device,
) -> None:
    """Find windows that may hold an object.

    DATA is detection data of any format, or images alone: a folder, a file, a pattern. The most promising windows come
    first. They are kept in --cache as they are found, so a run that was interrupted goes on from there. What --out
    writes is read by --proposals of the other commands. Method learned asks the detector of a run, --weights.
    """
    recall = recall or json_path is not None or plot_path is not None
    if out_path is None and not recall:
        raise ValueError("out: expected --out FILE, --recall or both, got neither")
    if out_path is not None and out_path.suffix.lower() not in WRITERS:
        raise ValueError(f"out: expected a name ending in {', '.join(WRITERS)}, got {str(out_path)!r}")
    if (method.method == "learned") != (weights is not None):
        raise ValueError("weights: expected --weights RUN with --method learned, and with no other method")
    console = Output()
    images = _find_images(source, split, yellow_lines(console))
    if recall and not any(map(len, images.objects)):
        raise ValueError(f"recall: expected DATA with objects, got {source.source}")
    config = ProposalConfig(method.method, side, windows, method.file)
    begun = time.perf_counter()
    progress = table_progress(console)
    if weights is None:
        boxes = propose(images.paths, config, cache=cache, workers=workers, progress=progress)
    else:
        detector = SPPDetector.load(weights).to(device)
        boxes = propose_learned(detector.changed(proposals=config), images.paths, progress=progress)
    seconds = time.perf_counter() - begun
    if out_path is not None:
        write_boxes(out_path, [path.name for path in images.paths], boxes, images.ids)
    if recall:
        measured = measure_recall(boxes, images.objects)
        if json_path is not None:
            write_json(json_path, {"method": config.method, "side": side, **measured.as_data()})
        try:
            if plot_path is not None:
                save_recall(plot_path, measured)
        finally:
            console.print(recall_table(measured, config.method))
    count = sum(map(len, boxes))
    where = f" in {out_path}" if out_path is not None else ""
    console.print(f"{count} windows of {len(boxes)} images, {seconds / len(boxes):.3f} s an image{where}")


def _find_images(source: DataOptions, split: str | None, notice: Notice) -> DetectionImages:
    """Read DATA; images alone are images without objects."""
    if source.annotations is None and source.format == "auto" and _holds_images_alone(source.source):
        sources = Sources.of([str(source.source)], notice)
        paths = sources.images
        paths = [paths[row] for row in readable(paths, source.reading.on_bad, notice, strict=source.reading.strict)]
        names = tuple(path.stem for path in paths)
        return DetectionImages(tuple(paths), names, names, (Objects.none(),) * len(paths), ())
    data = source.find()
    return source.read(data, source.part(data, split, "test"), notice)


def _holds_images_alone(data: Path) -> bool:
    """Say whether DATA is an image, a pattern, or a folder without any file that annotations could be in."""
    if data.is_dir():
        return not any(path.suffix.lower() in _ANNOTATIONS for path in data.rglob("*"))
    return data.suffix.lower() not in _ANNOTATIONS
