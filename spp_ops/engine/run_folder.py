"""A run's folder belongs to one run at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from spp_ops.engine.files import CannotWriteError, atomic_write, remove_leftovers

LOCK_NAME = ".lock"  # holds a line about the process that has the folder, while it has it
PLOT_NAME = "training.png"
SETTINGS_NAME = "settings.yaml"
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)
_WRITTEN = r"(checkpoint|training|settings|detector|staged|finetune|finetune-checkpoint|svms|boxes)\.\w+"
_KEPT = r".+\.safetensors"  # in the folders of kept maps and rows


@contextmanager
def run_folder(folder: Path, *, active: bool = True) -> Iterator[None]:
    """Hold a run's folder for the time of a `with` block, and tidy up what a killed run has left in it.

    Args:
        folder: made if need be; not left behind empty.
        active: whether to do anything; of several processes the first one is to.

    Raises:
        ValueError: another process has it.
        CannotWriteError: it, or a file in it, can't be written; the line names `out`.
    """
    if not active:
        yield
        return
    absent = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        with _locked(folder) as lock:
            try:
                lock.truncate(0)
                lock.write(_this_process())
                lock.flush()
                _tidy(folder)
                yield
            finally:
                (folder / LOCK_NAME).unlink(missing_ok=True)
                with suppress(OSError):  # the run has failed before it wrote anything
                    for place in absent:
                        place.rmdir()
    except CannotWriteError as error:
        raise _of_option(error, folder) from error
    except OSError as error:
        path = Path(error.filename or folder)
        if error.errno not in _UNWRITABLE or not path.is_relative_to(folder):
            raise
        raise CannotWriteError(path, error.strerror or str(error), "out") from error


def found_run(file: Path, *, resume: bool) -> bool:
    """Say whether a run's folder holds one to go on with, by the file that has its settings.

    Raises:
        ValueError: it holds one, but none is to be resumed; or it holds none, but files of the names that a run writes.
    """
    if file.is_file() and not resume:
        raise ValueError(f"out: {file.parent} holds a run already; give --resume to go on with it, or another folder")
    if not file.is_file() and file.parent.is_dir():
        taken = sorted(path.name for path in file.parent.iterdir() if re.fullmatch(_WRITTEN, path.name))
        if taken:
            raise ValueError(
                f"out: {file.parent} holds {taken[0]}, which is of no run that could go on and would be written over; "
                "give another folder"
            )
    return file.is_file()


def keep_settings(folder: Path, text: str) -> None:
    """Write what a run was asked for into its folder; an empty text is not written."""
    if text:
        with atomic_write(folder / SETTINGS_NAME) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _locked(folder: Path) -> IO[str]:
    """Return the lock's file, open, which no other process has now."""
    path = folder / LOCK_NAME
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise CannotWriteError(folder, error.strerror or str(error), "out") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise ValueError(f"out: {folder} is in use by {owner}; wait for it, or give another folder") from error
        except OSError:
            return file  # a file system without locks
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # its owner has removed it since it was opened


def _tidy(folder: Path) -> None:
    remove_leftovers(folder, _WRITTEN)
    for kept in ("maps", "rows"):
        remove_leftovers(folder / kept, _KEPT)


def _this_process() -> str:
    command = re.sub(r"\s+", " ", shlex.join(sys.argv))[:200]
    return f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')} ({command})\n"


def _of_option(error: CannotWriteError, folder: Path) -> CannotWriteError:
    inside = error.path.is_relative_to(folder) or error.path.is_relative_to(os.path.realpath(folder))
    return error.of("out") if inside else error
