"""What long work tells while it goes on: how far it is, and a line now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Is told how far work is. This one ignores it; a subclass overrides what it wants to know.

    All long functions of the package take one. `spp_ops.engine.display.ConsoleProgress` shows it on a terminal, and as
    lines where the output is none.
    """

    def begin(self, work: Work) -> None:
        """Work starts; it may be a part of work that goes on."""

    def advance(self, work: Work) -> None:
        """Some of it is done."""

    def end(self, work: Work) -> None:
        """It is over, or has failed."""

    def say(self, line: str) -> None:
        """Something worth a line is known."""

    @contextmanager
    def work(self, name: str, total: int, unit: str = "images", *, done: int = 0) -> Iterator[Work]:
        """Tell about work from the start of a `with` block to its end.

        Args:
            name: of the work.
            total: units in all; 0: nobody knows.
            unit: what is counted.
            done: units that were done before.
        """
        work = Work(self, name, total, unit, done)
        self.begin(work)
        try:
            yield work
        finally:
            self.end(work)


class Work:
    """One piece of work.

    Attributes:
        name: what is done.
        total: units in all; 0: nobody knows.
        unit: what is counted: images, steps.
        done: units done so far.
        note: what else is known of it at the moment.
    """

    def __init__(self, progress: Progress, name: str, total: int, unit: str, done: int = 0) -> None:
        self.name = name
        self.total = total
        self.unit = unit
        self.done = done
        self.note = ""
        self._progress = progress
        self._begun = time.monotonic()
        self._done_before = self._started = done

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """Tell that so many more units are done."""
        self.done += count
        if note is not None:
            self.note = note
        self._progress.advance(self)

    def start(self, unit: str) -> None:
        """Tell that the next unit, which has a name, starts; the one before it is done."""
        self.done = self._started
        self._started += 1
        self.note = unit
        self._progress.advance(self)

    def expect(self, count: int) -> None:
        """Tell that there are so many more units to do than was known."""
        self.total += count

    @property
    def seconds(self) -> float:
        """Time since it began."""
        return time.monotonic() - self._begun

    @property
    def speed(self) -> float:
        """Units a second; 0 where none is done yet."""
        return (self.done - self._done_before) / max(self.seconds, 1e-9)
