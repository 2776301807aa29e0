"""Progress on a console: bars on a terminal; where it is none, lines, at least one a minute."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichBars

from spp_ops.engine.progress import Progress, Work

SECONDS_TO_A_LINE = 10.0  # from the start of work that goes to no terminal
SECONDS_A_LINE = 30.0  # from then on


class ConsoleProgress(Progress):
    """Shows work on a console, and each line that is said.

    Args:
        console: a terminal gets a bar for each piece of work, gone when that ends; anything else gets lines.
        seconds: to the first line about a piece of work, and from one to the next.
    """

    def __init__(self, console: Console, seconds: tuple[float, float] = (SECONDS_TO_A_LINE, SECONDS_A_LINE)) -> None:
        self._console = console
        self._seconds = seconds
        self._due = 0.0
        self._bars: RichBars | None = None
        self._open: dict[Work, TaskID] = {}

    def begin(self, work: Work) -> None:
        """Show a bar."""
        if not self._console.is_terminal:
            self._due = time.monotonic() + self._seconds[0]
            return
        if self._bars is None:
            columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
            last = TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}", markup=False)
            self._bars = RichBars(*columns, *last, console=self._console, transient=True)
            self._bars.start()
        self._open[work] = self._bars.add_task(work.name, total=work.total or None, completed=work.done, note=work.note)

    def advance(self, work: Work) -> None:
        """Move the bar, or say how far it is where that was long ago."""
        if self._bars is not None:
            self._bars.update(self._open[work], completed=work.done, total=work.total or None, note=work.note)
        elif not self._console.is_terminal and time.monotonic() >= self._due:
            self._due = time.monotonic() + self._seconds[1]
            self.say(state_line(work))

    def end(self, work: Work) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.remove_task(self._open.pop(work))
            if not self._open:
                self._bars.stop()
                self._bars = None

    def say(self, line: str) -> None:
        """Print a line, above the bars, as it is: neither wrapped nor cut nor read as markup."""
        self._console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)


def state_line(work: Work) -> str:
    """Say how far work is, how fast it goes and how long it will take."""
    share = f" of {work.total} {work.unit} ({100 * work.done // work.total} %)" if work.total else f" {work.unit}"
    parts = [f"{work.done}{share}"]
    if work.note:
        parts.append(work.note)
    if work.speed > 0:
        speed = f"{work.speed:.3g} {work.unit}/s" if work.speed >= 1 else f"{1 / work.speed:.3g} s each"
        parts += [speed, *([f"{duration((work.total - work.done) / work.speed)} left"] if work.total else [])]
    return f"{work.name}: {', '.join(parts)}"


def duration(seconds: float) -> str:
    """Return a time as a person says it: "40 s", "12 min", "3 h 05 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
