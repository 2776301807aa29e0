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


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """Whole numbers with commas between: 6,3,2,1. An empty text gives none, as does "none" where that is allowed."""

    name = "numbers"

    def __init__(self, none: bool = False) -> None:
        self._none = none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...] | None:
        if not isinstance(value, str):
            return None if value is None else tuple(value)
        if self._none and value == "none":
            return None
        try:
            return tuple(int(part) for part in value.split(",")) if value else ()
        except ValueError:
            self.fail(f"expected whole numbers with commas between, got {value!r}", param, ctx)


class Places(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """Places in a run with commas between: 0.5,0.9 (shares of it) or 10,16 (epochs). An empty text gives none."""

    name = "places"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...] | None:
        if not isinstance(value, str):
            return None if value is None else tuple(value)
        try:
            return tuple(int(part) if part.isdigit() else float(part) for part in value.split(",")) if value else ()
        except ValueError:
            self.fail(f"expected numbers with commas between, got {value!r}", param, ctx)


def _to_device(context: click.Context, parameter: click.Parameter, name: str | None) -> torch.device:
    return choose_device(name)


device_option = click.option(
    "--device",
    metavar="NAME",
    callback=_to_device,
    help="cpu, cuda, cuda:1, ...; default: the first GPU, or the CPU where there is none.",
)

data_argument = click.argument("data", type=click.Path(path_type=Path))

seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of all randomness."
)

workers_option = click.option(
    "--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="Processes that load pictures ahead."
)

image_option = click.option(
    "--image", type=click.Path(path_type=Path), help="A photo; default: a sample that comes with scikit-learn."
)


def examples(*lines: str) -> str:
    """Make the end of a command's help: its examples, one a line."""
    return "\n".join(
        ["\b", "Examples:", *(f"  {line}" if "spp-ops" in line else f"  spp-ops {line}" for line in lines)]
    )
