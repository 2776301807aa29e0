"""`spp-ops transfer`."""

from __future__ import annotations

import math
from pathlib import Path

import click
import torch
from rich.table import Table

from spp_ops.classification import transfer_tasks
from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.config import LARGEST_SIZE, NetworkConfig
from spp_ops.classification.paper import TRANSFER_NOTE, TRANSFER_ROWS
from spp_ops.classification.transfer import LayerFeatures
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress, yellow_lines
from spp_ops.cli._images import ImageOptions, image_options
from spp_ops.cli._options import Numbers, data_argument, device_option, examples, seed_option, workers_option
from spp_ops.cli._outputs import output_options
from spp_ops.engine.files import write_json
from spp_ops.engine.text import literal
from spp_ops.models import OWN_NETWORKS


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "transfer VOC2007 --weights runs/zf5 --layer fc7 --size 392",
        "transfer caltech101 --weights runs/zf5 --splits 10",
        "transfer data/flowers --arch squeezenet1_0 --weights DEFAULT --layer level6 --view crop",
    ),
)
@data_argument
@click.option("--weights", required=True, help="A run's folder; with --arch a weights file or torchvision's entry.")
@click.option("--arch", help="A network whose --weights are not a run's.")
@click.option("--levels", type=Numbers(), default="6,3,2,1", show_default=True, help="The pyramid, with --arch.")
@click.option("--layer", default="spp", show_default=True, help="conv5, conv, level6, spp, fc6, fc7, ...")
@click.option("--view", type=click.Choice(["full", "crop"]), default="full", show_default=True, help="What is seen.")
@click.option(
    "--size",
    type=click.IntRange(1, LARGEST_SIZE),
    default=224,
    show_default=True,
    help="Shorter side of the whole image, or side of the crop, in pixels.",
)
@click.option("--c", type=float, default=1.0, show_default=True, help="C of the SVMs.")
@click.option("--train-split", default="trainval", show_default=True, help="Pascal VOC's list of images to learn from.")
@click.option("--test-split", default="test", show_default=True, help="Pascal VOC's list of images to test on.")
@click.option(
    "--splits",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random splits of image folders; 0: train on DATA/train, test on DATA/val.",
)
@click.option("--train-per-class", type=click.IntRange(1), default=30, show_default=True, help="With --splits.")
@click.option("--test-per-class", type=click.IntRange(1), default=50, show_default=True, help="With --splits, at most.")
@output_options(json="Write the figures there.")
@image_options("reading")
@workers_option
@device_option
@seed_option
def command(
    *,
    data: Path,
    weights: str,
    arch: str | None,
    levels: tuple[int, ...],
    layer: str,
    view: str,
    size: int,
    c: float,
    train_split: str,
    test_split: str,
    splits: int,
    train_per_class: int,
    test_per_class: int,
    json_path: Path | None,
    reading: ImageOptions,
    workers: int,
    device: torch.device,
    seed: int,
) -> None:
    """Train linear SVMs on frozen features and test them.

    DATA is image folders (DATA/{train,val}/CLASS, or DATA/CLASS with --splits): mean class accuracy. Or it has Pascal
    VOC's layout: mAP of its classification task.
    """
    console = Output()
    if not 0 < c < math.inf:
        raise ValueError(f"c: expected a positive number, got {c:g}")
    torch.manual_seed(seed)
    if arch is None:
        net = Checkpoint.load(weights).classifier()
    else:
        net = NetworkConfig(arch, levels).build(1000, weights).eval()
        if arch not in OWN_NETWORKS and layer.startswith("fc"):
            raise ValueError(f"layer: expected one below the head, as {arch} comes without one, got {layer!r}")
    features = LayerFeatures(net.to(device), layer, view, size)  # type: ignore[arg-type]
    setting = transfer_tasks.Setting(
        features,
        c,
        seed,
        reading.on_bad,
        yellow_lines(console),
        workers,
        table_progress(console),
        reading.strict,
    )
    if (data / "ImageSets").is_dir():
        task, results = "voc", transfer_tasks.voc(setting, data, (train_split, test_split))
    elif splits:
        counts = (splits, train_per_class, test_per_class)
        task, results = "folders", transfer_tasks.random_splits(setting, data, counts)
    else:
        task, results = "folders", transfer_tasks.train_and_val(setting, data)
    if json_path is not None:
        used = {"network": arch or weights, "layer": layer, "view": view, "size": size, "c": c, "seed": seed}
        write_json(json_path, {"data": data.name, **used, **results})
    table = Table("network", "layer", "view", title="features and linear SVMs, in %")
    table.add_column("result", justify="right")
    table.add_column("data")
    result = transfer_tasks.headline(results)
    table.add_row(literal(arch or weights, "bold"), layer, f"{view} {size}", result, literal(data.name))
    for row in TRANSFER_ROWS:
        if row.task == task:
            note = f"paper: {TRANSFER_NOTE[task]}"
            table.add_row(row.network, row.layer, row.view, f"{row.result:.2f}", note, style="dim")
    console.print(table)
