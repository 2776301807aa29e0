"""A file that grows by a line of JSON a result, so that work that is stopped has lost none and can go on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class JsonLines:
    """A first line that says what the file is of, and a line for each result.

    Attributes:
        path: of the file.
        header: its first line.
        rows: the others.
    """

    path: Path
    header: Any
    rows: list[Any] = field(default_factory=list)
    _end: int = 0  # bytes of whole lines

    @staticmethod
    def start(path: Path, header: Any) -> JsonLines:
        """Make a new file with its first line; folders are made if need be.

        Raises:
            FileExistsError: the file is there already.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = JsonLines(path, header)
        with path.open("xb") as file:
            lines._end = file.write(_line(header))
        return lines

    @staticmethod
    def read(path: Path) -> JsonLines:
        """Read a file; half a line at its end, which a killed process leaves, does not count and will be replaced.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not such a file; the message names it and the line.
        """
        whole, newline, _ = path.read_bytes().rpartition(b"\n")
        header, *rows = [_value(line, f"{path}:{number}") for number, line in enumerate(whole.split(b"\n"), 1)]
        return JsonLines(path, header, rows, len(whole) + len(newline))

    def add(self, row: Any) -> None:
        """Append a result; it is in the file when this returns. NaN and inf, which JSON lacks, are a ValueError."""
        with self.path.open("r+b") as file:
            file.seek(self._end)
            file.truncate()
            self._end += file.write(_line(row))
        self.rows.append(row)


def _value(line: bytes, where: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: expected a line of JSON: {error}") from error


def _line(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode() + b"\n"
