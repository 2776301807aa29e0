"""Options that several commands share, and how examples are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click
import torch

from spp_ops.engine.machine import choose_device

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator: TypeAlias = Callable[[Command], Command]


def _to_device(context: click.Context, parameter: click.Parameter, name: str | None) -> torch.device:
    return choose_device(name)


device_option = click.option(
    "--device",
    metavar="NAME",
    callback=_to_device,
    help="cpu, cuda, cuda:1, ...; default: the first GPU, or the CPU where there is none.",
)

seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of all randomness."
)

image_option = click.option(
    "--image", type=click.Path(path_type=Path), help="A photo; default: a sample that comes with scikit-learn."
)


def examples(*lines: str) -> str:
    """Make the end of a command's help: its examples, one a line."""
    return "\n".join(["\b", "Examples:", *(f"  spp-ops {line}" for line in lines)])
