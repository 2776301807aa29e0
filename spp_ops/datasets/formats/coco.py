"""COCO's detection task: one JSON file lists images, categories and objects.

COCO's boxes are x, y, width, height; x and y are the left and upper edge, so a box of width 10 at 0 covers pixels 0 to
9.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.assemble import assemble
from spp_ops.datasets.formats.base import AnnotatedImage, AnnotatedSet, ReadOptions
from spp_ops.datasets.formats.coco_categories import categories_of, read_coco_categories
from spp_ops.datasets.formats.coco_entries import Id, Place, entries_of, entry_id, read_object, told_size
from spp_ops.datasets.formats.coco_files import find_coco
from spp_ops.datasets.formats.json_lists import JsonLists, read_json_lists
from spp_ops.datasets.image_files import ImageFinder, image_files
from spp_ops.datasets.problems import Kind, Notice, OnBad, Problems
from spp_ops.datasets.splits import same_split

ID_TWICE = Kind(
    "object has the id of another; ids of objects are not used",
    "objects have ids of others; ids of objects are not used",
)
UNLISTED = Kind("image beside the others is not in the file", "images beside the others are not in the file")
OTHER_TYPE = Kind("id given as a text here and as a number there", "ids given as texts here and as numbers there")
SAME_FILE = Kind("image listed under another id before; both count", "images listed under other ids before; all count")


def read_coco_detection(
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    on_bad: OnBad = "refuse",
    strict: bool = False,
    notice: Notice = print,
) -> DetectionImages:
    """Images and objects of one annotation file. Crowds count as difficult.

    All images are decoded once. Images without objects are part of the set.

    What can be wrong, each named with the file, its line and the entry's id: an image that is not there, can't be read
    or has another size; an image's id that comes twice; an object of an unknown image, category or class (each class is
    named once); a box without a pixel, mostly outside the image or without numbers. What can only mean one thing is
    mended: docs/data.md lists it.

    Args:
        annotations: JSON file with ``images``, ``annotations`` and ``categories``; ids are numbers or texts.
        images: the folder in which the images' ``file_name`` are; None: looked for beside the file.
        classes: the classes, in the order of their labels, as a trained detector knows them. None: all the file's
            categories, in the order of their ids.
        on_bad: what to do about what is wrong: name and skip the image or the object, or refuse.
        strict: what could be mended is wrong as well.
        notice: told of what is mended and skipped.

    Raises:
        FileNotFoundError: there is no annotation file.
        ValueError: it is not such a file, no image can be used, or, with "refuse", something is wrong; the first few
            things are named.
    """
    problems = Problems(on_bad, notice, strict)
    options = ReadOptions(None if images is None else Path(images))
    found = assemble(CocoFormat().read(Path(annotations), None, options, problems), classes, problems)
    problems.finish()
    return found


class CocoFormat:
    """COCO's annotation files, alone or in the folders of Roboflow, CVAT, Label Studio and COCO itself."""

    name = "coco"
    expects = "a JSON file with images, annotations and categories"
    takes_images = True

    def recognizes(self, data: Path) -> bool:
        """Say whether this is such a file, or a folder that holds some."""
        try:
            return bool(find_coco(data))
        except ValueError:  # several of them, which is told when they are read
            return True

    def splits(self, data: Path) -> tuple[str, ...]:
        """The splits that the set has; none where there is one file that does not name any."""
        return tuple(name for name in find_coco(data) if name is not None)

    def categories(self, data: Path, split: str | None) -> dict[Id, str] | None:
        """Return the names of the categories by their ids."""
        found = find_coco(data)
        return read_coco_categories(found[split].annotations) if split in found else None

    def read(self, data: Path, split: str | None, options: ReadOptions, problems: Problems) -> AnnotatedSet:
        """Images of a split; None: of the one file."""
        found = find_coco(data)
        if split not in found:
            there = ", ".join(str(name) for name in found) or "none"
            raise ValueError(f"{data}: no COCO annotations of {split or 'all images'}; there are {there}")
        file = found[split]
        content = read_json_lists(file.annotations)
        categories = categories_of(content, problems)
        finder = ImageFinder(*((options.images,) if options.images is not None else file.folders))
        images, paths = _images(content, finder, problems)
        _note_unlisted(paths, split, problems)
        objects = _Objects(content, images, categories, problems)
        for row, entry in enumerate(entries_of(content, "annotations", empty=True)):
            objects.add(row, entry)
        usable = [image for image in images.values() if image is not None]
        return AnnotatedSet(str(content.path), usable, tuple(dict.fromkeys(categories.values())))


def _images(
    content: JsonLists, finder: ImageFinder, problems: Problems
) -> tuple[dict[Id, AnnotatedImage | None], set[Path]]:
    """Return the file's images by their ids (None: one that can't be used), and all paths that were found."""
    found: dict[Id, AnnotatedImage | None] = {}
    paths: set[Path] = set()
    for row, entry in enumerate(entries_of(content, "images")):
        place = Place(content, "images", row)
        with problems.noting(place):
            number = entry_id(entry, "id")
            if number in found:
                raise ValueError("its id comes twice")
            name = entry.get("file_name")
            if not isinstance(name, str) or not name:
                raise ValueError(f"file_name: expected a path, got {name!r}")
            found[number] = None
            try:
                path = finder.by_path(name, place, problems)
            except FileNotFoundError as error:
                raise ValueError(str(error)) from error
            if path in paths:
                problems.note(SAME_FILE, place)
            paths.add(path)
            found[number] = AnnotatedImage(path, path.stem, number, place, told_size(entry, place, problems))
    return found, paths


def _note_unlisted(listed: set[Path], split: str | None, problems: Problems) -> None:
    """Note images beside the file's that it does not list; in folders that several splits share, others list them."""
    for folder in sorted({path.parent for path in listed}):
        if split is None or same_split(folder.name, split):
            for path in image_files(folder):
                if path not in listed:
                    problems.note(UNLISTED, path)


@dataclass
class _Objects:
    """Gives the entries of ``annotations`` to their images."""

    content: JsonLists
    images: dict[Id, AnnotatedImage | None]
    categories: dict[Id, str]
    problems: Problems
    seen: set[Id] = field(default_factory=set)

    def add(self, row: int, entry: dict[str, Any]) -> None:
        place = Place(self.content, "annotations", row)
        image: AnnotatedImage | None = None
        try:
            number = self._key(entry, "image_id", self.images, place)
            image = self.images[number]
            category = self.categories[self._key(entry, "category_id", self.categories, place)]
            self._note_id(entry, place)
            if image is not None:
                image.objects.append(read_object(entry, category, place, self.problems))
        except ValueError as error:
            self.problems.add(f"{place}: {error}")
            if image is not None:
                image.own_problems += 1

    def _key(self, entry: dict[str, Any], key: str, known: dict[Id, Any], place: Place) -> Id:
        """Return an id that is known, or the one that is written alike."""
        value = entry_id(entry, key)
        if value in known:
            return value
        kind = key.removesuffix("_id")
        complaint = f"{key}: no {kind} {value!r} in the file"
        alike = [other for other in known if str(other) == str(value)] if isinstance(value, str) else []
        alike = alike or [other for other in (str(value),) if other in known]
        if not alike or self.problems.strict:
            raise ValueError(complaint)
        self.problems.mend(OTHER_TYPE, place)
        return alike[0]

    def _note_id(self, entry: dict[str, Any], place: Place) -> None:
        if entry.get("id") is None:
            return
        number = entry["id"] if isinstance(entry["id"], str | int | float) else str(entry["id"])
        if number in self.seen:
            if self.problems.strict:
                raise ValueError("its id comes twice")
            self.problems.mend(ID_TWICE, place)
        self.seen.add(number)
