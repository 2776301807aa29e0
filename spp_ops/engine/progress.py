"""A progress bar for a job of known steps, each with a name."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """Shows which step a job is at. Used as a context manager; lines printed to its console appear above the bar.

    Args:
        console: where the bar is drawn; nothing is drawn where it is no terminal.
        total: number of steps; `expect` adds to it.
    """

    def __init__(self, console: Console, total: int = 0) -> None:
        columns = SpinnerColumn(), TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn()
        self._bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
        self._task = self._bar.add_task("starting", total=total)
        self._total = total
        self._begun = 0

    def expect(self, steps: int) -> None:
        """Add `steps` to those known to come."""
        self._total += steps
        self._bar.update(self._task, total=self._total)

    def begin(self, name: str) -> None:
        """Start a step; the one before it is done."""
        self._bar.update(self._task, completed=self._begun, description=name)
        self._begun += 1

    def __enter__(self) -> Steps:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
