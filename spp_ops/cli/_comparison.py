"""What `demo` and `benchmark rcnn` let their users choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from spp_ops.benchmarks.rcnn import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--windows",
        type=click.IntRange(1),
        default=Settings.windows,
        show_default=True,
        help="At most this many selective-search windows.",
    ),
    click.option(
        "--rcnn-windows",
        type=click.IntRange(1),
        help="Time R-CNN on this many windows and extrapolate; default: 320 on a CPU, all on a GPU.",
    ),
    click.option(
        "--repeats",
        type=click.IntRange(1),
        default=Settings.repeats,
        show_default=True,
        help="Time SPP-net this often; medians count.",
    ),
)


def comparison_options(command: Command) -> Command:
    """Add --windows, --rcnn-windows and --repeats."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
