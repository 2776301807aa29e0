"""`spp-ops train-classifier`."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from spp_ops.classification.config import NetworkConfig, TrainingConfig
from spp_ops.classification.run import Job, train
from spp_ops.cli._classification import read_images
from spp_ops.cli._console import Output, yellow_lines
from spp_ops.cli._images import ImageOptions, image_options
from spp_ops.cli._options import (
    Numbers,
    Places,
    data_argument,
    device_option,
    examples,
    seed_option,
    workers_option,
)
from spp_ops.cli._outputs import to_folder
from spp_ops.engine.display import ConsoleProgress


def _sizes(context: click.Context, parameter: click.Parameter, text: str) -> tuple[str, tuple[int, ...]]:
    """Return the rule and the sizes: "224,180" takes turns, "180-224" draws from the range."""
    rule, mark = ("random", "-") if "-" in text else ("alternate", ",")
    try:
        return rule, tuple(int(part) for part in text.split(mark))
    except ValueError:
        raise click.BadParameter(f"expected sides like 224, 224,180 or 180-224, got {text!r}") from None


@click.command(
    epilog=examples(
        "train-classifier data/flowers --arch zf5 --sizes 224,180 --out runs/zf5",
        "train-classifier data/flowers --arch squeezenet1_0 --weights DEFAULT --backbone-lr 0 --hidden '' --out runs/s",
        "train-classifier data/flowers --arch zf5 --sizes 180-224 --out runs/zf5 --resume",
    )
)
@data_argument
@click.option(
    "--out", type=click.Path(path_type=Path), callback=to_folder, required=True, metavar="RUN", help="Folder."
)
@click.option("--arch", default="zf5", show_default=True, help="zf5, overfeat7, resnet18, timm/NAME, ...")
@click.option("--levels", type=Numbers(none=True), default="6,3,2,1", show_default=True, help="The pyramid, or none.")
@click.option(
    "--hidden",
    type=Numbers(),
    default="4096,4096",
    show_default=True,
    help="Widths of the fully connected layers below the scores; '' for none.",
)
@click.option("--dropout", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="After each of them.")
@click.option("--weights", help="To start from: a file, or torchvision's entry for its networks (DEFAULT).")
@click.option(
    "--sizes",
    callback=_sizes,
    default="224",
    show_default=True,
    help="Sides of the inputs: 224; 224,180 alternates by epoch; 180-224 draws one from that range each epoch.",
)
@click.option("--epochs", type=click.IntRange(1), default=70, show_default=True, help="Passes over the images.")
@click.option("--batch-size", type=click.IntRange(1), default=128, show_default=True, help="Over all processes.")
@click.option("--lr", type=float, default=TrainingConfig.lr, show_default=True, help="Learning rate at first.")
@click.option(
    "--milestones",
    type=Places(),
    help="Where it is divided by 10: shares of the run below 1, or epochs.  [default: at half and at five sixths]",
)
@click.option(
    "--warmup",
    type=click.FloatRange(0),
    default=TrainingConfig.warmup,
    show_default=True,
    help="Over which it rises at the start: a share of the run below 1, or steps.",
)
@click.option(
    "--backbone-lr",
    type=float,
    default=TrainingConfig.backbone_lr,
    show_default=True,
    help="Learning rate of the convolutions relative to the head's; 0 freezes them.",
)
@click.option("--momentum", type=float, default=TrainingConfig.momentum, show_default=True, help="Of SGD.")
@click.option("--weight-decay", type=float, default=TrainingConfig.weight_decay, show_default=True, help="Of SGD.")
@click.option(
    "--color-shift",
    "--colour-shift",
    "color_shift",
    type=float,
    default=TrainingConfig.color_shift,
    show_default=True,
    help="Strength of random changes of color; 0: none.",
)
@click.option("--ema", type=float, default=0.0, show_default=True, help="Decay of an average of the weights; 0: none.")
@click.option(
    "--precision",
    type=click.Choice(["32-true", "bf16-mixed", "16-mixed"]),
    default="32-true",
    show_default=True,
    help="Of the arithmetic; mixed needs less time and memory on a GPU.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in RUN, to the same result; more --epochs prolong it.")
@click.option("--stop-after", type=click.IntRange(1), help="Stop after so many epochs, to be resumed.")
@click.option(
    "--checkpoint-every",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Steps from one checkpoint to the next within an epoch; 0: only after epochs.",
)
@click.option("--deterministic", is_flag=True, help="On a GPU: the same result from every run, for some speed.")
@image_options("reading")
@workers_option
@device_option
@seed_option
def command(
    *,
    data: Path,
    out: Path,
    arch: str,
    levels: tuple[int, ...] | None,
    hidden: tuple[int, ...],
    dropout: float,
    weights: str | None,
    sizes: tuple[str, tuple[int, ...]],
    milestones: tuple[float, ...] | None,
    resume: bool,
    stop_after: int | None,
    checkpoint_every: int,
    deterministic: bool,
    reading: ImageOptions,
    workers: int,
    device: torch.device,
    **settings: object,
) -> None:
    """Train a classifier on DATA/{train,val}/CLASS/*.jpg.

    RUN gets checkpoint.pt, which is all that the other commands need, scalars for TensorBoard, and training.png. Under
    `torchrun` the batches are shared by all processes. The defaults are the paper's.
    """
    console = Output()
    rule, sides = sizes
    training = TrainingConfig(
        sizes=sides,
        size_rule=rule,  # type: ignore[arg-type]
        milestones=TrainingConfig.milestones if milestones is None else milestones,
        **settings,  # type: ignore[arg-type]
    )
    network = NetworkConfig(arch, levels, hidden, dropout)
    torch.use_deterministic_algorithms(deterministic)
    notice = yellow_lines(console)
    images = read_images(data / "train", reading, notice)
    tests = None
    if (data / "val").is_dir():
        tests = read_images(data / "val", reading, notice, images.classes)
    job = Job(out, weights, resume, workers, checkpoint_every, stop_after)
    run = train(images, tests, network, training, job=job, device=device, progress=ConsoleProgress(console))
    console.print(f"{len(run.history)} of {run.training.epochs} epochs done, saved in {out}")
