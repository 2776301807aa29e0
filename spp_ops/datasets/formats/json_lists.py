"""JSON files of long lists, whose entries know their lines."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

_Entries: TypeAlias = tuple[list[Any], list[int]]  # and where in the text each starts
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
    return _read(path, _Reader.object_of_lists)


def read_json_list(path: Path, name: str) -> JsonLists:
    """Read a file that holds one JSON list, which gets this name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such JSON; the message names the line.
    """
    return _read(path, lambda reader: {name: reader.only_list()})


def _read(path: Path, walk: Callable[[_Reader], dict[str, _Entries]]) -> JsonLists:
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = _Reader(text)
        found = walk(reader)
        reader.expect_end()
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: not as JSON should be: {error.msg}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not as JSON should be: {error}") from error
    lists = {name: entries for name, (entries, _) in found.items()}
    return JsonLists(path, text, lists, {name: starts for name, (_, starts) in found.items()})


class _Reader:
    """Walks the two outer floors of the text by itself, so that it knows where it is; entries go to the json module."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.decoder = json.JSONDecoder()

    def object_of_lists(self) -> dict[str, _Entries]:
        lists: dict[str, _Entries] = {}
        self._expect("{")
        more = not self._take("}")
        while more:
            name = self._name()
            if self._take("["):
                lists[name] = self._entries()
            else:
                self._value()
            more = self._goes_on("}")
        return lists

    def only_list(self) -> _Entries:
        self._expect("[")
        return self._entries()

    def expect_end(self) -> None:
        self._skip_space()
        if self.position < len(self.text):
            raise json.JSONDecodeError("expected the end", self.text, self.position)

    def _entries(self) -> _Entries:
        """Return the entries of a list whose bracket has been taken."""
        entries: list[Any] = []
        starts: list[int] = []
        more = not self._take("]")
        while more:
            self._skip_space()
            starts.append(self.position)
            entries.append(self._value())
            more = self._goes_on("]")
        return entries, starts

    def _name(self) -> str:
        self._skip_space()
        start, name = self.position, self._value()
        if not isinstance(name, str):
            raise json.JSONDecodeError("expected a name", self.text, start)
        self._expect(":")
        return name

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
