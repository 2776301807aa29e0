"""COCO's detection task: one JSON file lists images, categories and objects.

COCO's boxes are x, y, width, height; x and y are the left and upper edge, so a box of width 10 at 0 covers pixels 0 to
9.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from spp_ops.datasets.coco_images import CocoImage, categories_of, entries_of, place, whole_number
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.json_lists import JsonLists, read_json_lists
from spp_ops.datasets.labeled import Notice, OnBad
from spp_ops.datasets.problems import Problems
from spp_ops.datasets.sizes import ImageSize, drawn_on_stored, image_sizes


def read_coco_detection(
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    on_bad: OnBad = "refuse",
    notice: Notice = print,
) -> DetectionImages:
    """Images and objects of one annotation file. Crowds count as difficult.

    All images are decoded once. Images without objects are part of the set.

    What can be wrong, each named with the file, its line and the entry's id: an image that is not there, can't be read
    or has another size; an id that comes twice or is no whole number; an object of an unknown image, category or
    class (each class is named once); a box without a pixel, not inside the image or without numbers.

    Args:
        annotations: JSON file with ``images``, ``annotations`` and ``categories``.
        images: the folder in which the images' ``file_name`` are.
        classes: the classes, in the order of their labels, as a trained detector knows them. None: all the file's
            categories, in the order of their ids.
        on_bad: what to do about what is wrong: name and skip the image or the object, or refuse.
        notice: told of each thing that is skipped.

    Raises:
        FileNotFoundError: there is no annotation file.
        ValueError: it is not such a file, nothing in it can be used, or, with "refuse", something is wrong; the first
            few things are named.
    """
    content = read_json_lists(Path(annotations))
    problems = Problems(on_bad, notice)
    categories = categories_of(content)
    order = tuple(categories.values()) if classes is None else tuple(classes)
    entries = _images(content, Path(images), problems)
    objects = _Objects(entries, categories, order)
    for row, entry in enumerate(entries_of(content, "annotations")):
        with problems.noting(partial(place, content, "annotations", row)):
            objects.add(entry)
    problems.refuse()
    usable = {number: image for number, image in entries.items() if image is not None}
    if not any(image.labels for image in usable.values()):
        raise ValueError(f"{content.path}: expected images with objects, found none that can be used")
    return DetectionImages(
        paths=tuple(image.path for image in usable.values()),
        names=tuple(image.path.stem for image in usable.values()),
        ids=tuple(usable),
        objects=tuple(image.objects() for image in usable.values()),
        classes=order,
    )


def read_coco_categories(annotations: str | os.PathLike[str]) -> dict[int, str]:
    """Return the names of an annotation file's categories by their ids, in the order of these.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not as expected.
    """
    return categories_of(read_json_lists(Path(annotations)))


def _images(content: JsonLists, folder: Path, problems: Problems) -> dict[int, CocoImage | None]:
    """Return the file's images by their ids; None: one that can't be used."""
    entries = entries_of(content, "images")
    rows: dict[int, int] = {}
    for row, entry in enumerate(entries):
        with problems.noting(partial(place, content, "images", row)):
            number = whole_number(entry, "id")
            if number in rows:
                raise ValueError("its id comes twice")
            if not isinstance(entry.get("file_name"), str):
                raise ValueError(f"file_name: expected a path, got {entry.get('file_name')!r}")
            rows[number] = row
    paths = [folder / entries[row]["file_name"] for row in rows.values()]
    images: dict[int, CocoImage | None] = dict.fromkeys(rows)
    for (number, row), path, size in zip(rows.items(), paths, image_sizes(paths), strict=True):
        with problems.noting(partial(place, content, "images", row)):
            images[number] = _image(entries[row], path, size, problems)
    return images


def _image(entry: dict[str, Any], path: Path, size: ImageSize | str, problems: Problems) -> CocoImage:
    if isinstance(size, str):
        raise ValueError(size)
    told = size.upright
    if "width" in entry or "height" in entry:
        told = whole_number(entry, "width"), whole_number(entry, "height")
    return CocoImage(path, size, drawn_on_stored(told, size, path, problems.notice))


@dataclass
class _Objects:
    """Gives the entries of ``annotations`` to their images."""

    images: dict[int, CocoImage | None]
    categories: dict[int, str]
    classes: tuple[str, ...]
    seen: set[int] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)  # classes; each is named once

    def add(self, entry: dict[str, Any]) -> None:
        number, image_id, category = (whole_number(entry, key) for key in ("id", "image_id", "category_id"))
        if number in self.seen:
            raise ValueError("its id comes twice")
        self.seen.add(number)
        if image_id not in self.images:
            raise ValueError(f"image_id: no image {image_id} in the file")
        if category not in self.categories:
            raise ValueError(f"category_id: no category {category} in the file")
        name = self.categories[category]
        image = self.images[image_id]
        if name in self.classes and image is not None:
            image.add(entry, self.classes.index(name))
        elif name not in self.classes and name not in self.unknown:
            self.unknown.add(name)
            raise ValueError(f"unknown class {name!r}; the classes are {', '.join(self.classes)}")
