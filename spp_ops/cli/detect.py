"""`spp-ops detect`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import click
import torch

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import LineStream, Output, table_progress, tell_missing_letters, yellow_lines
from spp_ops.cli._detectors import Changes, combined, detector_options, load_detectors
from spp_ops.cli._findings import Findings, found_row, open_findings, run_header
from spp_ops.cli._images import ImageOptions, image_options
from spp_ops.cli._options import device_option, examples, seed_option
from spp_ops.cli._outputs import to_folder
from spp_ops.cli._sources import Sources, Still, sources_summary
from spp_ops.datasets.formats.coco_ids import CocoIds
from spp_ops.datasets.image import ImageError, Pixels
from spp_ops.datasets.labeled import Notice, readable
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.head import HeadPrecision
from spp_ops.detection.detectors.inputs import Prepared, ahead, prepare
from spp_ops.detection.proposals import ProposalConfig

_SURE = {"softmax": 0.5, "margin": 0.0}  # from such a score on an object is more likely there than not


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "detect photo.jpg --weights runs/raccoon --out found",
        "detect photos 'more/**/*.png' --weights runs/a --weights runs/b --out found --bad-images skip",
        "detect val2017 --weights runs/coco --out found --format coco --scales 688",
        "detect val2017 --weights runs/coco --out found --annotations annotations/instances_val2017.json",
        "detect clip.mp4 --weights runs/raccoon --out clip --no-images",
        "find . -name '*.jpg' | spp-ops detect - --weights runs/raccoon --json-lines",
    ),
)
@click.argument("images", nargs=-1, required=True)
@detector_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=to_folder,
    metavar="DIR",
    help="Folder for what is found; where it has files already, the next free one of DIR-2, DIR-3, ...",
)
@click.option("--resume", is_flag=True, help="Go on with the run in DIR, with these images.")
@click.option("--overwrite", is_flag=True, help="Remove the files of the run in DIR first.")
@click.option(
    "--format",
    "results_format",
    type=click.Choice(["json", "coco"]),
    default="json",
    show_default=True,
    help="detections.json, or COCO's results in coco_results.json and the images' ids in coco_images.json.",
)
@click.option("--json-lines", is_flag=True, help="Print a line of JSON an image, as it is done; --out is optional.")
@click.option("--no-images", "--no-pictures", "no_images", is_flag=True, help="Write the boxes alone.")
@click.option(
    "--annotations",
    type=click.Path(path_type=Path),
    metavar="F.json",
    help="COCO's file of these images: results are written in COCO's format under its ids.",
)
@image_options("reading")
@device_option
@seed_option
def command(
    *,
    images: tuple[str, ...],
    runs: tuple[Path, ...],
    score_threshold: float | None,
    scales: tuple[int, ...] | None,
    proposals: ProposalConfig | None,
    windows: int | None,
    precision: HeadPrecision | None,
    backend: str,
    out: Path | None,
    resume: bool,
    overwrite: bool,
    results_format: Any,
    json_lines: bool,
    no_images: bool,
    annotations: Path | None,
    reading: ImageOptions,
    device: torch.device,
    seed: int,
) -> None:
    """Find objects in images; write each image with its boxes, and all boxes as JSON.

    IMAGES are files, folders, patterns, videos, numbers of cameras, or - for paths on standard input, a line each.
    What is found is written image by image to detections.jsonl in DIR: a run that was stopped goes on where it was
    when the same command is given again. No file that is there is replaced.

    The score threshold is 0.5 for detectors that give probabilities and 0 for those that give margins, unless
    --score-threshold says otherwise. Nothing is random here: --seed is taken and changes nothing.
    """
    if out is None and (not json_lines or resume or overwrite):
        raise ValueError("out: expected a folder for what is found, or --json-lines alone")
    console = Output(sys.stderr if json_lines else None)
    notice = yellow_lines(console)
    detectors = load_detectors(runs, Changes(score_threshold, scales, proposals, windows, precision), device)
    if score_threshold is None:
        detectors = [each.changed(score_threshold=_SURE[each.config.score]) for each in detectors]
    detector = combined(detectors, backend)
    sources = Sources.of(images, notice)
    own = None if annotations is None else _own_ids(annotations, sources, detector)
    notice(sources_summary(sources))
    good = set(readable(sources.images, reading.on_bad, notice, strict=reading.strict))
    bad = {str(path) for row, path in enumerate(sources.images) if row not in good}
    with ExitStack() as stack:
        findings = None
        if out is not None:
            header = run_header(runs, detectors, images)
            findings = open_findings(out, header, sources.files, resume=resume, overwrite=overwrite)
            stack.enter_context(closing(findings))
            _tell_folder(findings, out, notice)
            if not no_images:
                tell_missing_letters(detector.classes, notice)
        stills = (
            still
            for still in sources.stills()
            if still.image not in bad and not (findings is not None and findings.knows(still))
        )
        results = _detect(detector, stills, None if reading.on_bad == "refuse" else notice)
        known = 0 if findings is None else len(findings)
        work = stack.enter_context(table_progress(console).work("detection", sources.count or 0, done=known))
        stream = LineStream() if json_lines else None
        done = objects = 0
        begun = time.perf_counter()
        try:
            for still, pixels, found in results:
                row = found_row(still, pixels, found)
                if findings is not None:
                    row = findings.add(row, pixels, found, draw=not no_images)
                done, objects = done + 1, objects + len(found)
                work.advance(note=f"{objects} objects")
                if stream is not None and not stream.print(row) and findings is None:
                    break  # nobody reads it any more
        except KeyboardInterrupt:
            if not sources.endless:
                raise
        rate = f", {done / (time.perf_counter() - begun):.3g} images a second" if done else ""
        if findings is None:
            console.print(_told(objects, done, rate))
        else:
            findings.finish("coco" if own is not None else results_format, own)
            console.print(_told(findings.objects, len(findings), f"{rate}; see {findings.folder}"))


def _tell_folder(findings: Findings, out: Path, notice: Notice) -> None:
    if findings.folder != out:
        notice(f"{out} has files already; results go to {findings.folder}")
    if len(findings):
        notice(f"going on with the run in {findings.folder}: {len(findings)} images are there")


def _told(objects: int, images: int, rest: str) -> str:
    return f"{objects} object{'s' * (objects != 1)} in {images} image{'s' * (images != 1)}{rest}"


def _own_ids(annotations: Path, sources: Sources, detector: Detector) -> CocoIds:
    """Read the ids of the data, and refuse now what lacks one."""
    own = CocoIds.read(annotations)
    own.check_classes(detector.classes)
    if len(sources.images) != len(sources.places):
        raise ValueError("--annotations: expected image files alone, got videos, cameras or standard input")
    for path in sources.images:
        own.of(path)
    return own


def _detect(
    detector: Detector, stills: Iterable[Still], skipped: Notice | None
) -> Iterator[tuple[Still, Pixels, Detections]]:
    """Find objects, images read and their windows found ahead; bad images end the work, or `skipped` is told."""

    def read(still: Still) -> tuple[Still, Prepared | Exception]:
        try:
            return still, prepare(still.image if still.pixels is None else still.pixels, None, detector.proposals)
        except (ImageError, OSError) as error:
            return still, error

    for still, prepared in ahead(read, stills, 2):
        if isinstance(prepared, Exception):
            if skipped is None:
                raise prepared
            skipped(f"skipped: {prepared}")
        else:
            yield still, prepared.pixels, detector.find(prepared)
