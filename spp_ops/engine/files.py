"""Writing files so that nobody ever sees half of one, and nothing of the user's is written over."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

_SHOWN = 40  # letters of a file's name in that of its temporary one, which must not be longer than file systems take
_LITTLE = 2**20  # bytes free on a disk that is full
_RANDOM = "[a-z0-9_]{8}"  # what `tempfile` adds to a name


class CannotWriteError(OSError):
    """A file can't be written: no room, no permission, no such place.

    Attributes:
        path: of the file.
        reason: in a few words.
    """

    def __init__(self, path: Path, reason: str, name: str = "") -> None:
        super().__init__(f"{name}: cannot write {path}: {reason}" if name else f"cannot write {path}: {reason}")
        self.path = path
        self.reason = reason

    def of(self, name: str) -> CannotWriteError:
        """Return the same error with the name of the option or variable that the path comes from."""
        return CannotWriteError(self.path, self.reason, name)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file's path beside `path`; it takes the place of `path` when the block ends without an error.

    The folder is made if need be. The temporary name ends as `path` does, for libraries that go by the ending. Links
    are followed, and what is no file, such as /dev/stdout, is written to and not replaced.

    Raises:
        CannotWriteError: the system lets nobody write there; the block is to do nothing but write.
    """
    with _named(Path(path)):
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


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what goes wrong in writing a file into the error that names it."""
    try:
        yield
    except CannotWriteError:
        raise
    except OSError as error:
        raise CannotWriteError(path, error.strerror or str(error)) from error
    except Exception as error:
        # torch and safetensors write in C++ and Rust, and have errors of their own, of many words and little sense.
        if re.search(r"inline_container|StreamWriter|I/?O ?error|os error", str(error), re.IGNORECASE) is None:
            raise
        full = shutil.disk_usage(path.parent).free < _LITTLE
        raise CannotWriteError(path, os.strerror(errno.ENOSPC if full else errno.EIO)) from error


def remove_leftovers(folder: Path, names: str, older_than: float = 0) -> None:
    """Remove the temporary files of programs that were killed in `atomic_write`.

    Args:
        folder: of the files.
        names: regular expression of the names that were to be written; other files are let alone.
        older_than: seconds since a file was last changed; a younger one may still be at work.
    """
    for path in folder.glob(".*-????????*"):
        match = re.fullmatch(rf"\.(.+)-{_RANDOM}((?:\.\w+)?)", path.name)
        if match is None or re.fullmatch(names, match[1] + match[2]) is None or not path.is_file():
            continue
        if time.time() - path.stat().st_mtime >= older_than:
            path.unlink(missing_ok=True)


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


def numbered_folders(path: Path, inner: str) -> Iterator[Path]:
    """Yield path, path-2, path-3, ...

    Args:
        path: of a folder, which may not be there.
        inner: name of the folder to take inside `path` where that has no name of its own to be numbered (".", "..").
    """
    if path.name in ("", ".."):
        path = path / inner
    yield path
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}")


def is_free(folder: Path) -> bool:
    """Say whether a folder is not there, or has nothing in it."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def free_folder(path: Path, inner: str) -> Path:
    """Return the first of `numbered_folders` that is free."""
    return next(folder for folder in numbered_folders(path, inner) if is_free(folder))


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write `content` as indented JSON, atomically. NaN and inf, which JSON lacks, are a ValueError."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _umask() -> int:
    """Return the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
