"""JSON files of long lists, whose entries know their lines."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True)
class JsonLists:
    """The lists of a JSON object by their names, each with the places in the text where its entries start."""

    path: Path
    text: str
    lists: dict[str, list[Any]]
    starts: dict[str, list[int]]

    def at(self, name: str, row: int) -> str:
        """Return where an entry starts, as FILE:LINE."""
        return f"{self.path}:{bisect_left(self._line_ends, self.starts[name][row]) + 1}"

    @cached_property
    def _line_ends(self) -> list[int]:
        return [end.start() for end in re.finditer("\n", self.text)]


def read_json_lists(path: Path) -> JsonLists:
    """Read a file that holds one JSON object; of its values only lists are kept.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such JSON; the message names the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
        lists, starts = _Reader(text).read()
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: not as JSON should be: {error.msg}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not as JSON should be: {error}") from error
    return JsonLists(path, text, lists, starts)


class _Reader:
    """Walks the two outer floors of the text by itself, so that it knows where it is; entries go to the json module."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.decoder = json.JSONDecoder()

    def read(self) -> tuple[dict[str, list[Any]], dict[str, list[int]]]:
        lists: dict[str, list[Any]] = {}
        starts: dict[str, list[int]] = {}
        self._expect("{")
        more = not self._take("}")
        while more:
            name = self._value()
            self._expect(":")
            if self._take("["):
                lists[name], starts[name] = self._entries()
            else:
                self._value()
            more = self._goes_on("}")
        self._skip_space()
        if self.position < len(self.text):
            raise json.JSONDecodeError("expected the end", self.text, self.position)
        return lists, starts

    def _entries(self) -> tuple[list[Any], list[int]]:
        """Entries of a list whose bracket has been taken, and where they start."""
        entries: list[Any] = []
        starts: list[int] = []
        more = not self._take("]")
        while more:
            self._skip_space()
            starts.append(self.position)
            entries.append(self._value())
            more = self._goes_on("]")
        return entries, starts

    def _value(self) -> Any:
        self._skip_space()
        value, self.position = self.decoder.raw_decode(self.text, self.position)
        return value

    def _goes_on(self, end: str) -> bool:
        """Take a comma, or the end of what is being read."""
        if self._take(","):
            return True
        self._expect(end)
        return False

    def _take(self, mark: str) -> bool:
        self._skip_space()
        found = self.text.startswith(mark, self.position)
        self.position += len(mark) * found
        return found

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise json.JSONDecodeError(f"expected {mark}", self.text, self.position)

    def _skip_space(self) -> None:
        space = _SPACE.match(self.text, self.position)
        self.position = space.end() if space else self.position
