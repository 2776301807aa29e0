"""-q and -v: how much a command says besides its results and its errors."""

from __future__ import annotations

import click

QUIET, NORMAL, VERBOSE = -1, 0, 1
_KEY = "spp_ops.verbosity"


def verbosity() -> int:
    """Return how much the command at work is to say; NORMAL where none is."""
    context = click.get_current_context(silent=True)
    level: int = NORMAL if context is None else context.meta.get(_KEY, NORMAL)
    return level


def quiet_option() -> click.Option:
    """-q: no notices and no progress."""
    return _option(["-q", "--quiet"], QUIET, "Print results and errors alone: no notices, no progress.")


def verbose_option() -> click.Option:
    """-v: what is in force, first of all."""
    return _option(["-v", "--verbose"], VERBOSE, "Print versions and all settings in force first, to standard error.")


def _option(names: list[str], level: int, help: str) -> click.Option:
    def keep(context: click.Context, parameter: click.Parameter, given: bool) -> None:
        if given:
            if context.meta.get(_KEY, level) != level:
                raise click.UsageError("--quiet, --verbose: expected one of them, got both", context)
            context.meta[_KEY] = level

    return click.Option(names, is_flag=True, expose_value=False, is_eager=True, callback=keep, help=help)
