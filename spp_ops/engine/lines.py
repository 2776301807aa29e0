"""A file that grows by a line of JSON a result, so that work that is stopped has lost none and can go on."""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any


class InUseError(ValueError):
    """Another process is writing the file."""


@dataclass
class JsonLines:
    """A first line that says what the file is of, and a line for each result. One process at a time has the file.

    Attributes:
        path: of the file.
        header: its first line.
        rows: the others.
    """

    path: Path
    header: Any
    rows: list[Any]
    _file: IO[bytes] = field(repr=False)
    _end: int  # bytes of whole lines

    @staticmethod
    def start(path: Path, header: Any) -> JsonLines:
        """Make a new file with its first line; folders are made if need be.

        Raises:
            FileExistsError: the file is there already.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = JsonLines(path, header, [], path.open("x+b"), 0)
        lines._lock()
        lines._append(header)
        return lines

    @staticmethod
    def read(path: Path) -> JsonLines:
        """Read a file; half a line at its end, which a killed process leaves, does not count and will be replaced.

        Raises:
            FileNotFoundError: there is no such file.
            InUseError: another process has it.
            ValueError: it is not such a file; the message names it and the line.
        """
        lines = JsonLines(path, None, [], path.open("r+b"), 0)
        try:
            lines._lock()
            whole, newline, _ = lines._file.read().rpartition(b"\n")
            values = [_value(line, f"{path}:{number}") for number, line in enumerate(whole.split(b"\n"), 1)]
        except BaseException:
            lines.close()
            raise
        lines.header, lines.rows, lines._end = values[0], values[1:], len(whole) + len(newline)
        return lines

    def add(self, row: Any) -> None:
        """Append a result; it is in the file when this returns. NaN and inf, which JSON lacks, are a ValueError."""
        self._append(row)
        self.rows.append(row)

    def close(self) -> None:
        """Let other processes have the file."""
        self._file.close()

    def _append(self, value: Any) -> None:
        line = json.dumps(value, allow_nan=False).encode() + b"\n"
        self._file.seek(self._end)
        self._file.truncate()
        self._file.write(line)
        self._file.flush()
        self._end += len(line)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUseError(f"{self.path} is being written by another process") from error
        except OSError:
            pass  # a file system without locks


def _value(line: bytes, where: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: expected a line of JSON: {error}") from error
