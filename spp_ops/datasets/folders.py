"""Image folders: one folder a class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from spp_ops.datasets.image_files import DANGLING, image_files
from spp_ops.datasets.image_sizes import readable
from spp_ops.datasets.labeled import LabeledImages, refuse_images
from spp_ops.datasets.problems import Kind, Notice, OnBad, Problems
from spp_ops.datasets.splits import SPLITS, same_split

_BESIDE = Kind("file beside the folders of classes left out", "files beside the folders of classes left out")


def read_folders(
    folder: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    on_bad: OnBad = "refuse",
    strict: bool = False,
    notice: Notice = print,
) -> LabeledImages:
    """Read the images of ``folder/CLASS/*``, classes and files in the order of their names.

    All images are decoded once. Files that are no images by their names' endings, links to files that are not there,
    folders inside the classes' and files beside them are left out, with a notice a kind; hidden files don't count.

    Args:
        folder: holds one folder a class.
        classes: the classes to be found there, in their order, as a trained network knows them; a folder of another
            name is an error, and a class without a folder has no images. None: a class for each folder.
        on_bad: what to do about images that can't be decoded and classes without any: name and skip, or refuse.
        strict: what would be left out or mended with a notice is refused.
        notice: told of what is left out, mended and skipped.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: no class is there, or one that is not in `classes`, or, with "refuse", an empty one.
        ImageError: with "refuse": an image can't be decoded.
    """
    problems = Problems(on_bad, notice, strict)
    images = folders_into(Path(folder), classes, problems)
    problems.finish()
    return images


def folders_into(root: Path, classes: Sequence[str] | None, problems: Problems) -> LabeledImages:
    """As `read_folders`; what is found goes to `problems`, which the caller finishes.

    Raises: as `read_folders`.
    """
    found = _listed(root, None if classes is None else tuple(classes), problems)
    left_out = problems.notices()
    if problems.strict and left_out:
        raise ValueError(f"{root}: {'; '.join(left_out)}")
    kept = [found[row] for row in readable([path for path, _ in found], problems)]
    refuse_images(problems, len(found))
    names = _class_names(root)
    present = {name for _, name in kept}
    empty = [name for name in names if name not in present]
    if empty and (problems.on_bad == "refuse" or not present):
        raise ValueError(f"{root}: expected images in every class, found none in {', '.join(empty)}")
    for name in empty:
        problems.add(f"class {name} of {root} has no images")
    order = tuple(sorted(present) if classes is None else classes)
    return LabeledImages(tuple(path for path, _ in kept), tuple(order.index(name) for _, name in kept), order)


def class_folders(data: Path) -> dict[str, Path]:
    """Return the folders of classes that data has, by the names of its splits; one "all" where it has no splits."""
    if not data.is_dir():
        return {}
    folders = [path for path in sorted(data.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    splits = {path.name: path for path in folders if any(same_split(path.name, split) for split in SPLITS)}
    found = {name: path for name, path in splits.items() if _has_classes(path)}
    return found or ({"all": data} if _has_classes(data) else {})


def _has_classes(root: Path) -> bool:
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return any(image_files(path) for path in folders)


def _listed(root: Path, classes: tuple[str, ...] | None, problems: Problems) -> list[tuple[Path, str]]:
    """Return the images and their classes' names."""
    names = _class_names(root)
    if not names:
        raise ValueError(f"{root}: expected a folder for each class, found none")
    unknown = set() if classes is None else set(names) - set(classes)
    if unknown:
        raise ValueError(f"{root}: the classes are {', '.join(classes or ())}; found also {', '.join(sorted(unknown))}")
    for path in sorted(root.iterdir()):
        if not path.is_dir() and not path.name.startswith("."):
            problems.note(_BESIDE if path.exists() else DANGLING, path)
    return [(path, name) for name in names for path in image_files(root / name, problems)]


def _class_names(root: Path) -> list[str]:
    if not root.is_dir():
        raise FileNotFoundError(f"no folder of classes at {root}")
    return sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
