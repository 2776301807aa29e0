"""Options that several commands share, and how examples are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click
import torch

from spp_ops.engine.files import refuse_unwritable
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


def _to_file(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None:
        refuse_unwritable(parameter.opts[0].removeprefix("--"), path)
        if parameter.name == "plot_path":
            refuse_unknown_format(path)
    return path


def to_folder(context: click.Context, parameter: click.Parameter, path: Path) -> Path:
    """Callback of options that name a folder to write into: refuse now what would fail after hours."""
    refuse_unwritable(parameter.opts[0].removeprefix("--"), path, folder=True)
    return path


def refuse_unknown_format(path: Path) -> None:
    """Refuse the name of an image by whose ending no format is known."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in known:
        raise ValueError(f"plot: expected a name ending in .{', .'.join(sorted(known))}, got {str(path)!r}")


def output_option(name: str, help: str) -> Callable[[Command], Command]:
    """`--name FILE` for a file to be written."""
    return click.option(
        f"--{name}", f"{name}_path", metavar="FILE", type=click.Path(path_type=Path), callback=_to_file, help=help
    )


def examples(*lines: str) -> str:
    """Make the end of a command's help: its examples, one a line."""
    return "\n".join(["\b", "Examples:", *(f"  spp-ops {line}" for line in lines)])
