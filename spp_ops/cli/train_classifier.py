"""`spp-ops train-classifier`."""

from __future__ import annotations

from pathlib import Path

import click
import torch
import yaml

from spp_ops.classification.config import NetworkConfig, TrainingConfig
from spp_ops.classification.run import Job, train
from spp_ops.cli._classification import read_images
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, shown_progress, yellow_lines
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
from spp_ops.cli._settings import SettingsFile
from spp_ops.cli._training import logger_option, refuse_missing_weights, run_folder_of, run_options, tell_plan
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.engine.checkpoint import FILE_NAME
from spp_ops.engine.config import as_data
from spp_ops.engine.scalars import LoggerName
from spp_ops.engine.skeleton import skeleton


def _sizes(context: click.Context, parameter: click.Parameter, text: str) -> tuple[str, tuple[int, ...]]:
    """Return the rule and the sizes: "224,180" takes turns, "180-224" draws from the range."""
    rule, mark = ("random", "-") if "-" in text else ("alternate", ",")
    try:
        return rule, tuple(int(part) for part in text.split(mark))
    except ValueError:
        raise click.BadParameter(f"expected sides like 224, 224,180 or 180-224, got {text!r}") from None


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "train-classifier data/flowers --arch zf5 --sizes 224,180 --out runs/zf5",
        "train-classifier data/flowers --arch squeezenet1_0 --weights DEFAULT --backbone-lr 0 --hidden '' --out runs/s",
        "train-classifier data/flowers --arch zf5 --sizes 180-224 --out runs/zf5 --resume",
    ),
)
@data_argument
@run_options
@click.option("--arch", default="zf5", show_default=True, help="zf5, overfeat7, resnet18, timm/NAME, ...")
@click.option(
    "--levels",
    type=Numbers(none=True),
    default="6,3,2,1",
    show_default=True,
    help="Bins a side of each level of the pyramid, or none.",
)
@click.option(
    "--hidden",
    type=Numbers(),
    default="4096,4096",
    show_default=True,
    help="Widths of the fully connected layers below the scores; '' for none.",
)
@click.option(
    "--dropout",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Probability of a zero after each hidden layer.",
)
@click.option("--weights", help="Weights to start from: a file, or torchvision's entry for its networks (DEFAULT).")
@click.option(
    "--sizes",
    callback=_sizes,
    default="224",
    show_default=True,
    help="Sides of the inputs: 224; 224,180 alternates by epoch; 180-224 draws one from that range each epoch.",
)
@click.option("--epochs", type=click.IntRange(1), default=70, show_default=True, help="Passes over the images.")
@click.option(
    "--batch-size", type=click.IntRange(1), default=128, show_default=True, help="Images a step, over all processes."
)
@click.option("--lr", type=float, default=TrainingConfig.lr, show_default=True, help="Learning rate at first.")
@click.option(
    "--milestones",
    type=Places(),
    help="Where the learning rate is divided by 10: shares below 1, or epochs.  [default: half, five sixths]",
)
@click.option(
    "--warmup",
    type=click.FloatRange(0),
    default=TrainingConfig.warmup,
    show_default=True,
    help="Start of the run over which the learning rate rises: a share below 1, or steps.",
)
@click.option(
    "--backbone-lr",
    type=float,
    default=TrainingConfig.backbone_lr,
    show_default=True,
    help="Learning rate of the convolutions relative to the head's; 0 freezes them.",
)
@click.option("--momentum", type=float, default=TrainingConfig.momentum, show_default=True, help="Momentum of SGD.")
@click.option(
    "--weight-decay", type=float, default=TrainingConfig.weight_decay, show_default=True, help="Weight decay."
)
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
    help="Number format of the arithmetic; mixed takes less time and memory on a GPU.",
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
@logger_option("Who gets the run's numbers.  [default: tensorboard]")
@image_options("reading")
@workers_option
@device_option
@seed_option
def command(
    *,
    data: Path,
    out: Path | None,
    dry_run: bool,
    logger: LoggerName | None,
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

    RUN gets checkpoint.pt, which is all that the other commands need, scalars for TensorBoard, training.png, and
    settings.yaml, which makes the run again (--config). Under `torchrun` the batches are shared by all processes. The
    defaults are the paper's.
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
    out = run_folder_of(out, data, arch, resume=resume, notice=notice)
    if dry_run:
        _tell(console, images, tests, network, training, weights=weights, out=out, resume=resume)
        return
    job = Job(out, weights, resume, workers, checkpoint_every, stop_after, logger or "tensorboard", SettingsFile.text())
    run = train(images, tests, network, training, job=job, device=device, progress=shown_progress(console))
    console.print(f"{len(run.history)} of {run.training.epochs} epochs done, saved in {out}")


def _tell(
    console: Output,
    images: LabeledImages,
    tests: LabeledImages | None,
    network: NetworkConfig,
    training: TrainingConfig,
    *,
    weights: str | None,
    out: Path,
    resume: bool,
) -> None:
    """Print what would be trained; every line follows from what the training itself would use."""
    refuse_missing_weights(weights)
    epoch = -(-len(images) // training.batch_size)
    with skeleton():
        net = network.build(len(images.classes))
    plan = {
        "images": f"{len(images):,}",
        "classes": f"{len(images.classes)}: {', '.join(images.classes)}",
        "tests": "none" if tests is None else f"{len(tests):,} images",
        "network": f"{network.arch} from {weights or 'random weights'}",
        "training": f"{training.epochs} x {epoch} steps, {training.epochs * epoch:,} in all",
    }
    settings = yaml.safe_dump(
        {"network": as_data(network), "training": as_data(training)}, sort_keys=False, default_flow_style=None
    )
    tell_plan(console, out, FILE_NAME, resume=resume, net=net, plan=plan, settings=settings)
