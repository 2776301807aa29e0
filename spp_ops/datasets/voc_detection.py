"""The detection task of Pascal VOC: where the objects of an image are.

Boxes of Pascal VOC count pixels from 1 and include the last one. labelImg and tools that follow it write the same: a
box that fills its image is 1, 1, WIDTH, HEIGHT. Some other tools count from 0: `first_pixel` says so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.datasets.labeled import Notice, OnBad
from spp_ops.datasets.problems import Problems
from spp_ops.datasets.sizes import ImageSize, image_sizes
from spp_ops.datasets.voc import Annotation, find_image, parse_annotation, read_list, split_file
from spp_ops.datasets.voc_objects import VocObject, read_objects


def read_voc_detection(
    folder: str | os.PathLike[str],
    split: str,
    *,
    classes: Sequence[str] | None = None,
    first_pixel: int = 1,
    on_bad: OnBad = "refuse",
    notice: Notice = print,
) -> DetectionImages:
    """Images and objects of one split.

    All images are decoded once. Boxes come out in pixels of the upright image, as `load_image` returns it; where an
    annotation's size shows that they were drawn on the image as stored, they are turned with it.

    What can be wrong, each named with its file and line: an image or annotation that is not there, can't be read, is
    listed twice or differs in size from the other; an annotation without objects; a box that is reversed, without a
    pixel, not inside the image or without numbers; an unknown class. "skip" leaves out boxes, and images without a
    usable one; an image whose objects are all of unknown classes stays, as one without objects.

    Args:
        folder: holds JPEGImages, Annotations and ImageSets/Main.
        split: train, val, trainval, test.
        classes: the classes, in the order of their labels, as a trained detector knows them. None: those of the
            split's objects, in the order of their names.
        first_pixel: what the annotations call the first pixel of a row.
        on_bad: what to do about what is wrong: name and skip, or refuse.
        notice: told of each thing that is skipped.

    Raises:
        FileNotFoundError: there is no list of this split.
        ValueError: the list is empty, nothing in it can be used, or, with "refuse", something is wrong; the first few
            things are named.
    """
    root = Path(folder)
    problems = Problems(on_bad, notice)
    listed = _listed(root, split_file(root, split), problems)
    sizes = image_sizes([image.path for image in listed])
    found = [_objects(*pair, first_pixel, problems) for pair in zip(listed, sizes, strict=True)]
    if classes is None:
        classes = sorted({item.name for objects in found for item in objects})
    rows = [row for row, objects in enumerate(found) if objects]
    labeled = tuple(_labeled(found[row], tuple(classes), problems) for row in rows)
    problems.refuse()
    if not rows:
        raise ValueError(f"{split_file(root, split)}: expected images with objects, found none that can be used")
    return DetectionImages(
        paths=tuple(listed[row].path for row in rows),
        names=tuple(listed[row].name for row in rows),
        ids=tuple(range(len(rows))),
        objects=labeled,
        classes=tuple(classes),
    )


@dataclass(frozen=True)
class _Listed:
    """An image of a split's list."""

    name: str
    path: Path
    annotation: Annotation


def _listed(root: Path, list_file: Path, problems: Problems) -> list[_Listed]:
    """Return the list's images, but for those that lack their file or annotation."""
    listed: dict[str, _Listed] = {}
    for number, name in read_list(list_file).items():
        with problems.noting():
            if name in listed:
                raise ValueError(f"{list_file}:{number}: {name} is listed twice")
            listed[name] = _find(root, name, f"{list_file}:{number}")
    return list(listed.values())


def _find(root: Path, name: str, listed_at: str) -> _Listed:
    try:
        path = find_image(root / "JPEGImages", name)
        return _Listed(name, path, parse_annotation(root / "Annotations" / f"{name}.xml"))
    except FileNotFoundError as error:
        raise ValueError(f"{listed_at}: {error}") from error


def _objects(image: _Listed, size: ImageSize | str, first_pixel: int, problems: Problems) -> list[VocObject]:
    """Return the usable objects of an image; none: it can't be used itself."""
    with problems.noting():
        if isinstance(size, str):
            raise ValueError(size)
        objects = read_objects(image.annotation, size, first_pixel, problems)
        if not objects:
            raise ValueError(f"{image.path}: none of its objects can be used")
        return objects
    return []


def _labeled(found: list[VocObject], classes: tuple[str, ...], problems: Problems) -> Objects:
    """Return the objects with their labels, but for those of unknown classes."""
    for item in found:
        if item.name not in classes:
            problems.add(f"{item.at}: unknown class {item.name!r}; the classes are {', '.join(classes)}")
    known = [item for item in found if item.name in classes]
    return Objects(
        boxes=np.array([item.box for item in known], np.float32).reshape(-1, 4),
        labels=np.array([classes.index(item.name) for item in known], np.int64),
        difficult=np.array([item.difficult for item in known], np.bool_),
    )
