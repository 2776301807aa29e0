"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def table(headings: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table, and an empty one."""
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
    for line in lines:
        yield f"| {' | '.join(line)} |"
    yield ""
