"""Image folders: one folder a class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image

from spp_ops.datasets.labeled import LabeledImages, Notice, OnBad, readable


def read_folders(
    folder: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    on_bad: OnBad = "refuse",
    notice: Notice = print,
) -> LabeledImages:
    """Read the images of ``folder/CLASS/*``, classes and files in the order of their names.

    Files that are no images by their names' endings, and hidden ones, don't count. All images are decoded once.

    Args:
        folder: holds one folder a class.
        classes: the classes to be found there, in their order, as a trained network knows them; a folder of another
            name is an error, and a class without a folder has no images. None: a class for each folder.
        on_bad: what to do about images that can't be decoded and classes without any: name and skip, or refuse.
        notice: told of each one that is skipped.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: no class is there, or one that is not in `classes`, or, with "refuse", an empty one.
        ImageError: with "refuse": an image can't be decoded.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder of classes at {root}")
    names = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise ValueError(f"{root}: expected a folder for each class, found none")
    if classes is not None and set(names) - set(classes):
        raise ValueError(
            f"{root}: the classes are {', '.join(classes)}; found also {', '.join(sorted(set(names) - set(classes)))}"
        )
    found = [(path, name) for name in names for path in image_files(root / name)]
    kept = [found[row] for row in readable([path for path, _ in found], on_bad, notice)]
    present = {name for _, name in kept}
    empty = [name for name in names if name not in present]
    if empty and (on_bad == "refuse" or not present):
        raise ValueError(f"{root}: expected images in every class, found none in {', '.join(empty)}")
    for name in empty:
        notice(f"skipped: class {name} of {root} has no images")
    order = tuple(sorted(present) if classes is None else classes)
    return LabeledImages(tuple(path for path, _ in kept), tuple(order.index(name) for _, name in kept), order)


def image_files(folder: Path) -> list[Path]:
    """Files of a folder whose names end as images' do, sorted."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in image_endings() and not path.name.startswith(".") and path.is_file()
    )


@cache
def image_endings() -> frozenset[str]:
    """Return the endings of the formats that Pillow reads."""
    readers = Image.registered_extensions()  # also loads the plugins
    return frozenset(ending for ending, name in readers.items() if name in Image.OPEN)
