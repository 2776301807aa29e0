"""Options of joint training: each sets the field of `JointConfig` that has its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from spp_ops.cli._options import Command, Numbers, Places
from spp_ops.cli._settings import SettingsFile
from spp_ops.cli._training import logger_option
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.joint import JointConfig, JointJob

_DEFAULTS = {field.name: field.default for field in fields(JointConfig)}
_LINEAR_ROW_RMS = 1 / 16  # a head of one layer stands right on the rows: long ones make it learn too fast
_LEARNED_COPIES = 16  # the network's own windows on an object are few
_ROW_RMS_HELP = f"{_DEFAULTS['row_rms']}; {_LINEAR_ROW_RMS} without hidden layers"
_COUNT, _SHARE, _POSITIVE = click.IntRange(1), click.FloatRange(0, 1), click.FloatRange(0)


def _option(
    name: str, kind: Any, help: str, default: str | None = None, *, alias: str | None = None
) -> Callable[[Command], Command]:
    shown = _DEFAULTS[name] if default is None else default
    flags = [f"--{name.replace('_', '-')}"] + ([alias] if alias else [])
    return click.option(*flags, name, type=kind, help=f"Joint: {help}  [default: {shown}]")


_OPTIONS: dict[str, Callable[[Command], Command]] = {
    "epochs": _option("epochs", _COUNT, "passes over the images."),
    "images_per_step": _option("images_per_step", _COUNT, "images a step, over all processes."),
    "windows_per_image": _option("windows_per_image", _COUNT, "windows that a step takes of each image."),
    "positive_share": _option("positive_share", _SHARE, "largest share of a step's windows that shows an object."),
    "positive_iou": _option("positive_iou", _SHARE, "least IoU with an object of a window that shows it."),
    "negative_iou": click.option(
        "--negative-iou", type=_SHARE, help="Joint: least IoU of a window that shows background.  [default: 0.0]"
    ),
    "hard_share": _option("hard_share", _SHARE, "share of a step's windows that counts: those with the largest loss."),
    "train_scales": click.option(
        "--train-scales",
        type=Numbers(),
        help="Joint: shorter sides in pixels; each time an image is resized to one of them.  [default: --scales]",
    ),
    "flip": click.option("--flip/--no-flip", default=None, help="Joint: whether to flip images.  [default: flip]"),
    "color_shift": _option("color_shift", _POSITIVE, "strength of random changes of color.", alias="--colour-shift"),
    "lr": _option("lr", float, "learning rate of the head."),
    "backbone_lr": _option(
        "backbone_lr", _POSITIVE, "learning rate of the convolutions relative to the head's; 0 freezes them."
    ),
    "frozen_layers": _option(
        "frozen_layers", click.IntRange(0), "lowest layers of the convolution stack that keep their weights."
    ),
    "warmup": _option(
        "warmup", _POSITIVE, "start of the run over which the learning rate rises: a share below 1, or steps."
    ),
    "milestones": _option(
        "milestones",
        Places(),
        "where the learning rate is divided by 10: shares of the run below 1, or epochs.",
        "at two thirds and nine tenths",
    ),
    "optimizer": _option(
        "optimizer", click.Choice(["sgd", "adam"]), "what makes steps of gradients; adam suits learning from scratch."
    ),
    "momentum": _option("momentum", float, "momentum of SGD."),
    "weight_decay": _option("weight_decay", float, "weight decay of the optimizer."),
    "dropout": _option("dropout", float, "probability of a zero after each hidden layer."),
    "clip_norm": _option("clip_norm", float, "a longer gradient is shortened to this norm."),
    "row_rms": _option("row_rms", float, "root mean square that pooled rows are scaled to.", _ROW_RMS_HELP),
    "box_weight": _option("box_weight", _POSITIVE, "weight of the boxes' loss."),
    "proposal_weight": _option("proposal_weight", _POSITIVE, "weight of the losses of learned proposals."),
    "proposal_lr": _option("proposal_lr", _POSITIVE, "learning rate of their layers relative to the head's."),
    "proposals_per_image": _option("proposals_per_image", _COUNT, "learned proposals that windows are drawn from."),
    "anchors_per_image": _option("anchors_per_image", _COUNT, "anchors of an image that proposals are learned from."),
    "ema": _option("ema", float, "decay a step of an average of the weights; 0: none."),
    "precision": _option(
        "precision",
        click.Choice(["32-true", "bf16-mixed", "16-mixed"]),
        "number format of the arithmetic; mixed takes less time and memory on a GPU.",
    ),
    "val_split": click.option("--val-split", help="Joint: a split of DATA to test on while training."),
    "val_every": click.option(
        "--val-every", type=_COUNT, help="Joint: epochs from one test to the next.  [default: 1]"
    ),
    "checkpoint_every": click.option(
        "--checkpoint-every",
        type=click.IntRange(0),
        help="Joint: steps from one checkpoint to the next within an epoch; 0: only after epochs.  [default: 0]",
    ),
    "stop_after": click.option("--stop-after", type=_COUNT, help="Joint: stop after so many epochs, to be resumed."),
    "logger": logger_option("Joint: who gets the run's numbers.  [default: tensorboard]"),
    "workers": click.option(
        "--workers", type=click.IntRange(0), help="Joint: processes that load images ahead.  [default: 0]"
    ),
}
JOINT_OPTIONS = tuple(_OPTIONS)


def joint_options(command: Command) -> Command:
    """All options of joint training; None where they are not given."""
    for option in reversed(_OPTIONS.values()):
        command = option(command)
    return command


def make_joint_config(given: dict[str, Any], detector: DetectorConfig, seed: int) -> JointConfig:
    """Return the record that the options ask for.

    Args:
        given: values of options that were given.
        detector: what is trained; training shares its scales unless it is given others.
        seed: of all randomness.
    """
    settings = {name: value for name, value in given.items() if name in _DEFAULTS}
    if not detector.hidden:
        settings.setdefault("row_rms", _LINEAR_ROW_RMS)
    if detector.proposals.method == "learned":
        settings.setdefault("object_copies", _LEARNED_COPIES)
    settings["scales"] = given.get("train_scales", detector.scales)
    if "negative_iou" in given:
        settings["negative_range"] = (given["negative_iou"], given.get("positive_iou", JointConfig.positive_iou))
    return JointConfig(**settings, seed=seed)


def make_joint_job(given: dict[str, Any], out: Path, weights: str | None, resume: bool) -> JointJob:
    """Return what else the options ask for."""
    names = {
        "workers": "workers",
        "checkpoint_every": "checkpoint_every",
        "val_every": "validate_every",
        "logger": "logger",
    }
    others = {field: given[name] for name, field in names.items() if name in given}
    return JointJob(out, weights, resume, stop_after=given.get("stop_after"), settings=SettingsFile.text(), **others)
