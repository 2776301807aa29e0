"""Files that hold all of a run at some step, so that it can go on: written at once, read without running any code."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from spp_ops.engine.config import as_data
from spp_ops.engine.files import atomic_write

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FILE_NAME = "checkpoint.pt"  # in a run's folder
Content = TypeVar("Content")


def write_checkpoint(path: Path, checkpoint: DataclassInstance, format_: int | str) -> None:
    """Write a dataclass of settings, tensors and numbers, atomically.

    Args:
        path: of the file.
        checkpoint: its fields are records, or what `torch.load` takes without running code.
        format_: what tells these files from others.
    """
    content = {"format": format_} | {
        field.name: _stored(getattr(checkpoint, field.name)) for field in fields(checkpoint)
    }
    with atomic_write(path) as temporary:
        torch.save(content, temporary)


def read_checkpoint(
    path: str | os.PathLike[str], kind: str, format_: int | str, build: Callable[[dict[str, Any]], Content]
) -> Content:
    """Read a file that `write_checkpoint` wrote.

    Args:
        path: of the file, or of the run's folder that it is in.
        kind: of what is saved: "a classifier".
        format_: that the file must have.
        build: makes the checkpoint of the fields' values.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file holds something else.
    """
    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    if not file.is_file():
        raise FileNotFoundError(f"no checkpoint of {kind} at {file}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged files, of which the error says enough
            content = torch.load(file, map_location="cpu", weights_only=True)
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}, expected a dict")
        if content["format"] != format_:
            raise ValueError(f"format {content['format']!r}, expected {format_!r}")
        return build(content)
    except Exception as error:  # torch's reader raises whatever damaged bytes lead it into
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{file} is not a checkpoint of {kind}: {reason}") from error


def _stored(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return as_data(value)
    return list(value) if isinstance(value, tuple) else value
