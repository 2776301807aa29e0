"""Options that the training commands share: where a run goes, who gets its numbers, and what it would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import click
from rich.console import Console
from torch import nn

from spp_ops.cli._options import Command
from spp_ops.cli._outputs import to_folder
from spp_ops.datasets.labeled import Notice
from spp_ops.engine.files import free_folder
from spp_ops.engine.processes import world_size
from spp_ops.engine.run_folder import found_run
from spp_ops.engine.scalars import LoggerName, require_logger

_RUNS = Path("runs")

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Read and check everything, say what would be trained, and write nothing."
)

_out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=to_folder,
    metavar="RUN",
    help="Folder of the run.  [default: runs/DATA-ARCH, or the next free one of runs/DATA-ARCH-2, ...]",
)


def run_options(command: Command) -> Command:
    """--out and --dry-run."""
    decorated: Command = _out(dry_run_option(command))
    return decorated


def _installed(context: click.Context, parameter: click.Parameter, logger: LoggerName | None) -> LoggerName | None:
    if logger is not None:
        require_logger(logger)
    return logger


def logger_option(help: str) -> Callable[[Command], Command]:
    """--logger; None where it is not given."""
    return click.option("--logger", type=click.Choice(get_args(LoggerName)), callback=_installed, help=help)


def run_folder_of(out: Path | None, data: Path, arch: str, *, resume: bool, notice: Notice) -> Path:
    """Return the folder that a run goes to: the one that is given, else a free one by the names of data and network.

    Raises:
        ValueError: none is given where only the user knows which one is meant.
    """
    if out is not None:
        return out
    if resume:
        raise ValueError("out: expected the folder of the run to go on with, as --resume is given")
    if world_size() > 1:
        raise ValueError("out: expected a folder, as several processes train together")
    folder = free_folder(_RUNS / f"{data.absolute().stem}-{arch}", arch)
    notice(f"out: the run goes to {folder}")
    return folder


def tell_plan(
    console: Console, out: Path, file: str, *, resume: bool, net: nn.Module, plan: Mapping[str, str], settings: str
) -> None:
    """Print what a run would be.

    Args:
        console: to print to.
        out: the run's folder.
        file: in it by which a run is known.
        resume: whether it would be gone on with.
        net: what is trained.
        plan: lines by name, before the settings.
        settings: as YAML.

    Raises:
        ValueError: the run would be refused, for what its folder holds.
    """
    going_on = found_run(out / file, resume=resume)
    weights = sum(parameter.numel() for parameter in net.parameters())
    lines = {
        **plan,
        "weights": f"{weights / 1e6:.3g} million numbers",
        "run": f"{out}{', gone on with' if going_on else ''}",
    }
    for name, text in lines.items():
        console.print(f"{name + ':':<10}{text}")
    console.print(f"\n{settings}\nDry run: nothing is written.")


def refuse_missing_weights(weights: str | None) -> None:
    """Refuse a file of weights that is not there; a bare word may be torchvision's name for some.

    Raises:
        FileNotFoundError: it is not.
    """
    if weights is not None and (Path(weights).suffix or len(Path(weights).parts) > 1) and not Path(weights).exists():
        raise FileNotFoundError(f"weights: no file at {weights}")
