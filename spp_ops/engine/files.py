"""Writing files so that nobody ever sees half of one, and nothing of the user's is written over."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SHOWN = 40  # letters of a file's name in that of its temporary one, which must not be longer than file systems take


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file's path beside `path`; it takes the place of `path` when the block ends without an error.

    The folder is made if need be. The temporary name ends as `path` does, for libraries that go by the ending. Links
    are followed, and what is no file, such as /dev/stdout, is written to and not replaced.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / f"content{target.suffix}"
            yield temporary
            target.write_bytes(temporary.read_bytes())
        return
    target = Path(os.path.realpath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem[:_SHOWN]}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_unwritable(name: str, path: Path, *, folder: bool = False) -> None:
    """Find out, before long work, whether its result can be written to `path`; nothing is left there.

    Args:
        name: of the argument that gave `path`.
        path: of a file, or of a folder for files; folders that are not there yet would be made.
        folder: which of the two.

    Raises:
        ValueError: it can't be written.
    """
    if not folder and path.exists() and not path.is_file() and not path.is_dir():
        return  # a device or a pipe
    try:
        if not folder and path.is_dir():
            raise IsADirectoryError("it is a folder")
        place = path.absolute() if folder else path.absolute().parent
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            raise NotADirectoryError(f"{place} is no folder")
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise ValueError(f"{name}: cannot write to {path}: {error.strerror or error}") from error


def refuse_replacing(name: str, path: Path, inputs: Iterable[Path], *, overwrite: bool = False) -> None:
    """Find out, before long work, whether its result would replace a file that is there.

    Args:
        name: of the argument that gave `path`.
        path: of the file to be written.
        inputs: files and folders that the work reads; they and what is in them are never replaced.
        overwrite: whether the user wants other files replaced.

    Raises:
        ValueError: the file is there, and is an input or not to be replaced.
    """
    if not path.is_file():
        return
    source = next((each for each in inputs if is_within(path, each)), None)
    if source is not None:
        raise ValueError(f"{name}: expected a file that is no input, got {path}, which is or lies in {source}")
    if not overwrite:
        raise ValueError(f"{name}: expected a new file or --overwrite, but {path} is there already")


def is_within(path: Path, place: Path) -> bool:
    """Say whether a path is `place` or lies in it, links followed."""
    real, root = path.resolve(), place.resolve()
    return root == real or root in real.parents


def free_folder(path: Path, inner: str) -> Path:
    """Return `path` where nothing is in it, else the first of path-2, path-3, ... of which that holds.

    Args:
        path: of a folder, which may not be there.
        inner: name of the folder to take inside `path` where that has no name of its own to be numbered (".", "..").
    """
    if path.name in ("", ".."):
        path = path / inner
    number, place = 1, path
    while place.exists() and (not place.is_dir() or any(place.iterdir())):
        number += 1
        place = path.with_name(f"{path.name}-{number}")
    return place


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write `content` as indented JSON, atomically. NaN and inf, which JSON lacks, are a ValueError."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _umask() -> int:
    """Return the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
