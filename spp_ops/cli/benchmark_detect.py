"""`spp-ops benchmark detect`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch

from spp_ops.benchmarks import harness
from spp_ops.benchmarks.detect import run as measuring
from spp_ops.benchmarks.detect.contestants import CONTESTANTS
from spp_ops.benchmarks.detect.report import print_record
from spp_ops.benchmarks.detect.setting import SCALE, chosen_photos, learned_detector
from spp_ops.cli._benchmarks import names_option, repeats_option, threads_option
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress
from spp_ops.cli._options import examples, seed_option
from spp_ops.cli._outputs import output_options
from spp_ops.cli._runs import RunFolder


@click.command(
    "detect",
    cls=GroupedCommand,
    epilog=examples(
        "benchmark detect",
        "benchmark detect --photos data/raccoon/JPEGImages --weights runs/raccoon --json detect.json --plot detect.png",
        "benchmark detect --contestants fasterrcnn-mobilenet,ssdlite-mobilenet --no-memory",
    ),
)
@click.option(
    "--weights",
    type=RunFolder(),
    metavar="RUN",
    help="A run with learned proposals; default: SqueezeNet with random weights, which serve for time.",
)
@click.option(
    "--photos",
    "data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="A folder of photos; default: a sample that comes with scikit-learn.",
)
@click.option("--most", type=click.IntRange(1), default=4, show_default=True, help="Photos of that folder.")
@names_option("--contestants", [name for name in CONTESTANTS if name != "ours"], "Measured beside ours", none=True)
@click.option("--memory/--no-memory", default=True, show_default=True, help="Measure the memory of a large photo.")
@repeats_option
@threads_option
@output_options(json="Write the record there.", plot="Draw the bars there; the format follows the ending.")
@seed_option
def command(
    *,
    weights: Path | None,
    data: Path | None,
    most: int,
    contestants: tuple[str, ...],
    memory: bool,
    repeats: int,
    threads: int | None,
    json_path: Path | None,
    plot_path: Path | None,
    seed: int,
) -> None:
    """Measure a photo from its file to boxes on the CPU: ours, by part and beside other detectors.

    Contestants take turns on the same photos, and ratios between them count, not times. Peers have random weights and
    as many classes as ours.
    """
    console = Output()
    options = measuring.Options(contestants, repeats, memory, threads or torch.get_num_threads())
    detector = learned_detector(weights, seed)
    what = "random weights" if weights is None else weights.name
    about = f"{detector.config.arch} at {SCALE} pixels, {what}"
    with (
        TemporaryDirectory() as folder,
        harness.threads(options.threads),
        table_progress(console).work("benchmark", measuring.turns(options), "steps") as work,
    ):
        photos = chosen_photos(data, most, Path(folder))
        record = measuring.run(detector, about, photos, Path(folder), options, work.start)
    if json_path is not None:
        record.save(json_path)
    print_record(console, record)
    if plot_path is not None:
        from spp_ops.benchmarks.detect.images import save_chart

        save_chart(plot_path, record)
