"""`spp-ops evaluate-classifier`."""

from __future__ import annotations

import time
from pathlib import Path

import click
import torch

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.evaluation import evaluate
from spp_ops.classification.report import class_table, evaluation_data, evaluation_table
from spp_ops.cli._classification import (
    make_scorer,
    read_images,
    run_option,
    source_option,
    views_option,
    window_option,
)
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress, yellow_lines
from spp_ops.cli._images import ImageOptions, image_options
from spp_ops.cli._options import data_argument, device_option, examples, seed_option, workers_option
from spp_ops.cli._outputs import output_options
from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.files import write_json


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "evaluate-classifier data/flowers --weights runs/zf5 --views 10",
        "evaluate-classifier data/flowers --weights runs/zf5 --views 96+2 --json errors.json",
        "evaluate-classifier data/flowers --weights runs/zf5 --views 10 --source images",
    ),
)
@data_argument
@run_option
@views_option
@source_option
@window_option
@click.option("--split", default="val", show_default=True, help="Folder of DATA to test on.")
@output_options(json="Write the figures there.")
@image_options("reading")
@workers_option
@device_option
@seed_option
def command(
    *,
    data: Path,
    run: Path,
    views_name: str,
    source: str | None,
    window: int | None,
    split: str,
    json_path: Path | None,
    reading: ImageOptions,
    workers: int,
    device: torch.device,
    seed: int,
) -> None:
    """Test a trained classifier on DATA/SPLIT/CLASS/*.jpg.

    Prints the top-1 and top-5 error beside the paper's of the same setting. Under `torchrun` the images are shared by
    all processes. Nothing is random here: --seed is taken and changes nothing.
    """
    console = Output()
    checkpoint = Checkpoint.load(run)
    fabric = make_fabric(device)
    views, chosen, scorer = make_scorer(checkpoint, fabric.device, views_name, source, window)
    notice = yellow_lines(console)
    images = read_images(data / split, reading, notice, checkpoint.classes)
    begun = time.perf_counter()
    with table_progress(console).work("test", -(-len(images) // fabric.world_size)) as work:
        evaluation = evaluate(scorer, images, fabric, workers=workers, after_image=work.advance)
    seconds = (time.perf_counter() - begun) / len(images)
    if not fabric.is_global_zero:
        return
    if json_path is not None:
        write_json(json_path, evaluation_data(evaluation, checkpoint, views, chosen, seconds))
    console.print(evaluation_table(evaluation, checkpoint, views, data.name))
    console.print(class_table(evaluation))
