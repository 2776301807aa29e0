"""`spp-ops export`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from spp_ops.classification.config import LARGEST_SIZE
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output
from spp_ops.cli._options import Numbers, examples
from spp_ops.cli._outputs import output_options
from spp_ops.cli._runs import RunFolder
from spp_ops.detection.detectors.checkpoint import CONFIG_NAME
from spp_ops.engine.checkpoint import FILE_NAME
from spp_ops.engine.files import refuse_replacing
from spp_ops.export.files import GRAPH_FORMATS, GraphFormat, check_graph_file, graph_files


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "export runs/raccoon --format onnx --out raccoon.onnx",
        "export runs/raccoon --format openvino --out raccoon.xml --score-threshold 0.5 --scales 400",
        "export runs/zf5 --format pt2 --out zf5.pt2",
    ),
)
@click.argument("run", type=RunFolder())
@click.option(
    "--format",
    "format_",
    type=click.Choice(GRAPH_FORMATS),
    required=True,
    help="onnx; openvino (an .xml and a .bin); pt2, PyTorch's exported program.",
)
@output_options(out="The file to be written: .onnx, .xml or .pt2.")
@click.option("--score-threshold", type=float, help="Detectors: boxes that score less are dropped.")
@click.option("--scales", type=Numbers(), help="Detectors: shorter sides in pixels of the resized images.")
@click.option(
    "--window",
    type=click.IntRange(1, LARGEST_SIZE),
    help="Classifiers: side in pixels of the usual inputs, which the resizing follows.  [default: the largest trained]",
)
def command(
    *,
    run: Path,
    format_: GraphFormat,
    out_path: Path | None,
    score_threshold: float | None,
    scales: tuple[int, ...] | None,
    window: int | None,
) -> None:
    """Write the detector or classifier of RUN as one graph, for programs without this package.

    The graph takes the pixels of an image of any size. docs/export.md says what goes in and comes out, and how to run
    it in Python and C++.
    """
    if out_path is None:
        raise ValueError("out: expected the name of a file to be written")
    check_graph_file(out_path, format_)
    if not out_path.exists():  # else it is to be replaced, and what belongs to it
        for file in graph_files(out_path, format_):
            refuse_replacing("out", file, [run])
    begun = time.perf_counter()
    is_detector = (run / CONFIG_NAME).is_file() or run.name == CONFIG_NAME
    if is_detector:
        _refuse_given(window=window)
        _export_detector(run, format_, out_path, score_threshold, scales)
    else:
        if not (run / FILE_NAME).is_file() and not run.is_file():
            raise FileNotFoundError(f"run: expected the folder of a detector or a classifier, got {run}")
        _refuse_given(score_threshold=score_threshold, scales=scales)
        _export_classifier(run, format_, out_path, window)
    size = sum(file.stat().st_size for file in graph_files(out_path, format_)) / 1e6
    kind = "detector" if is_detector else "classifier"
    Output().print(f"{kind} written to {out_path}: {size:.1f} MB in {time.perf_counter() - begun:.0f} s")


def _export_detector(
    run: Path, format_: GraphFormat, out: Path, score_threshold: float | None, scales: tuple[int, ...] | None
) -> None:
    from spp_ops.detection.detectors.spp import SPPDetector
    from spp_ops.detection.export import export_detector

    changes = {"score_threshold": score_threshold, "scales": scales}
    given = {name: value for name, value in changes.items() if value is not None}
    export_detector(SPPDetector.load(run).changed(**given), out, format_)


def _export_classifier(run: Path, format_: GraphFormat, out: Path, window: int | None) -> None:
    from spp_ops.classification.checkpoint import Checkpoint
    from spp_ops.classification.export import export_classifier

    export_classifier(Checkpoint.load(run), out, format_, window)


def _refuse_given(**options: object) -> None:
    """Refuse options that mean nothing for this kind of run."""
    for name, value in options.items():
        if value is not None:
            kind = "detectors" if name == "window" else "classifiers"
            raise ValueError(f"{name}: expected none, as {kind} have none, got {value}")
