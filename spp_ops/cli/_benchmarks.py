"""What `benchmark op` and `benchmark scaling` let their users choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from spp_ops.benchmarks.harness import ROUNDS

Command = TypeVar("Command", bound=Callable[..., Any])


class Names(click.ParamType):  # type: ignore[type-arg]
    """Some of a set of names, separated by commas; "all" is every one, and "none" no one, where that makes sense."""

    name = "names"

    def __init__(self, known: Iterable[str], none: bool = False) -> None:
        self.known = tuple(known)
        self.none = none

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return what help shows in the place of the value."""
        return "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Split and check the value."""
        if isinstance(value, tuple):
            return value
        if value == "all" or (value == "none" and self.none):
            return self.known if value == "all" else ()
        names = tuple(name.strip() for name in value.split(","))
        unknown = [name for name in names if name not in self.known]
        if unknown:
            self.fail(f"{unknown[0]!r} is unknown, expected some of {', '.join(self.known)}", param, ctx)
        return names


def names_option(
    flag: str, known: Iterable[str], help: str, default: str = "all", none: bool = False
) -> Callable[[Command], Command]:
    """Add an option whose value is some of the known names, or, if `none`, no name."""
    names = tuple(known)
    return click.option(
        flag,
        type=Names(names, none),
        default=default,
        show_default=True,
        help=f"{help}: {', '.join(names)}; or all{', or none' if none else ''}.",
    )


repeats_option = click.option(
    "--repeats", type=click.IntRange(1), default=ROUNDS, show_default=True, help="Rounds of turns; medians count."
)

add_option = click.option(
    "--add/--new", default=False, show_default=True, help="Whether --json adds to the record that is there."
)

threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), help="CPU threads of every contestant; default: PyTorch's."
)
