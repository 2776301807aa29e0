"""What is wrong with a data set: mended where it can only mean one thing, else refused together or left out.

Three grades. What is *mended* is told by one notice a kind; `strict` refuses it. What can't be mended is a *problem*:
refused, so that one run names more than the first, or left out and named. What is merely odd is *noted*, never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias, get_args

OnBad: TypeAlias = Literal["skip", "refuse"]
Notice: TypeAlias = Callable[[str], None]  # takes one line meant for the user

_REFUSED = 3  # problems named in an error
_LEFT_OUT = 10  # problems named when they are skipped


class Kind(NamedTuple):
    """What is mended or noted, in words: of one thing and of several."""

    one: str
    many: str


@dataclass
class Problems:
    """Takes what a reader finds, a line or a place each, until `finish`.

    Attributes:
        on_bad: what is done about problems: "skip" names them and goes on without that part, "refuse" raises them all.
        notice: told of what is mended, noted and left out.
        strict: what could be mended is a problem as well.
        lines: the problems.
        mended: for each kind the places where it was mended.
        noted: likewise, of what was left as it is.
    """

    on_bad: OnBad = "refuse"
    notice: Notice = print
    strict: bool = False
    lines: list[str] = field(default_factory=list)
    mended: dict[Kind, list[object]] = field(default_factory=dict)
    noted: dict[Kind, list[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.on_bad not in get_args(OnBad):
            raise ValueError(f"on_bad: expected {' or '.join(get_args(OnBad))}, got {self.on_bad!r}")

    def add(self, line: str) -> None:
        """Take a problem."""
        self.lines.append(line)

    def mend(self, kind: Kind, place: object, complaint: str | None = None) -> None:
        """Take what the caller is about to mend.

        Args:
            kind: what it is.
            place: where; its text is made only when it is told.
            complaint: what is wrong, in the words of a problem; None: those of `kind`.

        Raises:
            ValueError: with `strict`: it is not to be mended.
        """
        if self.strict:
            raise ValueError(f"{place}: {complaint or kind.one}")
        self.mended.setdefault(kind, []).append(place)

    def note(self, kind: Kind, place: object) -> None:
        """Take what is odd and stays as it is."""
        self.noted.setdefault(kind, []).append(place)

    @contextmanager
    def noting(self, where: object = None) -> Iterator[None]:
        """Leave the block at its first ValueError, and take that; the place, if given, goes before it."""
        try:
            yield
        except ValueError as error:
            self.add(str(error) if where is None else f"{where}: {error}")

    def refuse(self) -> None:
        """Raise the problems, if they are to be refused.

        Raises:
            ValueError: there are some; the first few are named.
        """
        if self.lines and self.on_bad == "refuse":
            more = f"; and {len(self.lines) - _REFUSED} more" if len(self.lines) > _REFUSED else ""
            raise ValueError(f"{'; '.join(self.lines[:_REFUSED])}{more}")

    def finish(self) -> None:
        """Tell what was mended, noted and left out.

        Raises:
            ValueError: with "refuse": there are problems.
        """
        self.refuse()
        for line in self.notices():
            self.notice(line)
        for line in self.lines[:_LEFT_OUT]:
            self.notice(f"skipped: {line}")
        if len(self.lines) > _LEFT_OUT:
            self.notice(f"skipped: and {len(self.lines) - _LEFT_OUT} more")

    def notices(self) -> list[str]:
        """Return a line for each kind of what was mended or noted, with its number and first place."""
        return [told(kind, places) for kinds in (self.mended, self.noted) for kind, places in kinds.items()]


def told(kind: Kind, places: list[object]) -> str:
    """Return the line of a kind: "12 boxes clipped to their image, first: FILE:LINE"."""
    count = len(places)
    return f"{count} {kind.one if count == 1 else kind.many}, {'at' if count == 1 else 'first'}: {places[0]}"
