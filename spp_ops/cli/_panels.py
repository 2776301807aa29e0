"""Which part of a command's help an option stands in: one table for all commands, by the option's first name."""

from __future__ import annotations

import click

ORDER = ("Data", "Network", "Detector", "Training", "Output", "Run")
_PANELS = {
    "Data": (
        "format images annotations first-pixel val-share val-seed split val-split val-annotations val-images data "
        "bad-images stretch-16-bit read-truncated strict image train-split test-split"
    ),
    "Network": "arch levels hidden dropout weights scales projection proposals windows no-boxes",
    "Detector": "score-threshold precision views source window",
    "Training": (
        "pipeline preset sizes train-scales epochs batch-size images-per-step windows-per-image positive-share "
        "positive-iou negative-iou hard-share flip color-shift lr backbone-lr frozen-layers warmup milestones "
        "optimizer momentum weight-decay clip-norm row-rms box-weight ema val-every"
    ),
    "Output": "out json plot overwrite json-lines no-images logger checkpoint-every add",
}
_PANEL_OF = {name: panel for panel, names in _PANELS.items() for name in names.split()}
_TRAINING_TOO = {"dropout", "precision"}  # of a training command


def panel_of(parameter: click.Parameter, command: str) -> str:
    """Return the title of the part of the help where an option stands."""
    name = option_name(parameter)
    if command.startswith("train-") and name in _TRAINING_TOO:
        return "Training"
    return _PANEL_OF.get(name, ORDER[-1])


def option_name(parameter: click.Parameter) -> str:
    """Return an option's first long name without its dashes; an argument's name."""
    long = [option for option in parameter.opts if option.startswith("--")]
    return (long or parameter.opts)[0].lstrip("-")
