"""What the commands print to: a console that takes names for names, and that outlives its reader."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console

from spp_ops.cli._verbosity import QUIET, verbosity
from spp_ops.datasets.labeled import Notice
from spp_ops.engine.display import ConsoleProgress
from spp_ops.engine.processes import is_first
from spp_ops.engine.progress import Progress
from spp_ops.engine.text import literal

_UNBROKEN = 10_000  # columns where nobody looks at them, so that no name and number is broken or cut


class Output(Console):
    """A console whose strings are no markup; styles come from `literal` and the like.

    Of several processes that work together the first one's prints. Where it is no terminal, lines are not broken (the
    variable COLUMNS says otherwise). Once its reader has closed the pipe it prints no more, and the command goes on to
    write its files.

    Args:
        file: what to print to; None: standard output.
        stderr: whether to print to standard error instead.
    """

    def __init__(self, file: IO[str] | None = None, *, stderr: bool = False) -> None:
        super().__init__(file=file, stderr=stderr, quiet=not is_first(), markup=False, emoji=False, highlight=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _UNBROKEN

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _close_quietly(self.file)


def shown_progress(console: Output) -> Progress:
    """Return what shows progress on a console; nothing does under --quiet."""
    return Progress() if verbosity() == QUIET else ConsoleProgress(console)


def table_progress(console: Output) -> Progress:
    """Return the progress of a command whose result is what it prints: where that goes to a file, progress does not."""
    return shown_progress(console if console.is_terminal else Output(stderr=True))


class LineStream:
    """Standard output as a stream of JSON, a value a line."""

    def __init__(self) -> None:
        self._open = True

    def print(self, value: Any) -> bool:
        """Print a value at once; return whether anybody still reads."""
        if self._open:
            try:
                print(json.dumps(value, allow_nan=False), flush=True)
            except BrokenPipeError:
                self._open = False
                _close_quietly(sys.stdout)
        return self._open


def _close_quietly(stream: IO[str]) -> None:
    """Lead a stream without a reader nowhere, so that what is flushed at the end of the process does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def yellow_lines(console: Console) -> Notice:
    """Return what prints notices to a console; under --quiet they go nowhere."""
    if verbosity() == QUIET:
        return lambda line: None
    return lambda line: console.print(literal(line, "yellow"))


def tell_missing_letters(names: Iterable[str], notice: Notice) -> None:
    """Say, before images or plots are drawn, which letters of names will be missing in them, and what helps."""
    from spp_ops.engine.fonts import letters_without_font

    missing = letters_without_font(names)
    if missing:
        notice(
            f"no font here has {missing[:20]}{'...' if len(missing) > 20 else ''}: drawn as {ascii(missing[0])[1:-1]}; "
            "installing one, such as Noto Sans CJK, mends that"
        )
