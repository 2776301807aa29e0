"""What is wrong with a data set: refused all together, or named and skipped one by one, as the user chose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import get_args

from spp_ops.datasets.labeled import Notice, OnBad

_NAMED = 3  # problems named in an error; a notice comes for each


@dataclass
class Problems:
    """Takes what a reader finds wrong, a line each.

    With "skip" the user is told at once and the reader goes on without that part; with "refuse" the lines are kept for
    `refuse`, so that one run names more than the first.
    """

    on_bad: OnBad
    notice: Notice
    kept: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.on_bad not in get_args(OnBad):
            raise ValueError(f"on_bad: expected {' or '.join(get_args(OnBad))}, got {self.on_bad!r}")

    def add(self, line: str) -> None:
        """Note a problem."""
        if self.on_bad == "skip":
            self.notice(f"skipped: {line}")
        else:
            self.kept.append(line)

    @contextmanager
    def noting(self, where: Callable[[], str] | None = None) -> Iterator[None]:
        """Leave the block at its first ValueError, and note that; `where` is then asked for the place to name first."""
        try:
            yield
        except ValueError as error:
            self.add(str(error) if where is None else f"{where()}: {error}")

    def refuse(self) -> None:
        """Raise what was kept, if anything, as one ValueError that names the first few."""
        if not self.kept:
            return
        more = f"; and {len(self.kept) - _NAMED} more" if len(self.kept) > _NAMED else ""
        raise ValueError(f"{'; '.join(self.kept[:_NAMED])}{more}")
