"""Boxes as rows of a CSV file: path, x1, y1, x2, y2, class (RetinaNet), or columns named in the first row.

Corners lie on the edges of pixels, as torchvision has them: x2 - x1 is the width. `first_pixel` says otherwise.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.assemble import assemble
from spp_ops.datasets.formats.base import AnnotatedImage, AnnotatedObject, AnnotatedSet, ReadOptions
from spp_ops.datasets.formats.csv_files import find_csv
from spp_ops.datasets.formats.voc_objects import PixelRule
from spp_ops.datasets.formats.voc_pixels import RULES
from spp_ops.datasets.image_files import ImageFinder, is_image_name
from spp_ops.datasets.problems import Notice, OnBad, Problems

_COLUMNS = {
    "image": (
        "filename",
        "file_name",
        "image",
        "image_id",
        "imageid",
        "image_path",
        "path",
        "file",
        "img",
        "image_name",
    ),
    "x1": ("xmin", "x1", "x_min", "left", "bbox_x1"),
    "y1": ("ymin", "y1", "y_min", "top", "bbox_y1"),
    "x2": ("xmax", "x2", "x_max", "right", "bbox_x2"),
    "y2": ("ymax", "y2", "y_max", "bottom", "bbox_y2"),
    "x": ("x", "bbox_x"),
    "y": ("y", "bbox_y"),
    "w": ("w", "bbox_w", "bbox_width"),
    "h": ("h", "bbox_h", "bbox_height"),
    "bbox": ("bbox",),
    "class": ("class", "label", "category", "class_name", "labelname", "label_name", "name", "category_name"),
    "width": ("width", "image_width", "img_width"),
    "height": ("height", "image_height", "img_height"),
}
_PLAIN = ("image", "x1", "y1", "x2", "y2", "class")
_ONE_CLASS = "object"  # where there is no column of classes


def read_csv_detection(
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    first_pixel: int | str | None = None,
    on_bad: OnBad = "refuse",
    strict: bool = False,
    notice: Notice = print,
) -> DetectionImages:
    """Images and objects of a CSV file; a row with an image alone is an image without objects.

    Args:
        annotations: the file. Without a row of names its columns are path, x1, y1, x2, y2, class.
        images: the folder in which the images are; None: looked for beside the file.
        classes: the classes, in the order of their labels. None: those of the file, in the order of their names.
        first_pixel: "edges" (as None), or 1 or 0 where corners are pixels, the last one included, counted from there.
        on_bad: what to do about what is wrong: name and skip the image or the object, or refuse.
        strict: what could be mended is wrong as well.
        notice: told of what is mended and skipped.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such a file, no image can be used, or, with "refuse", something is wrong; the first few
            things are named with their lines.
    """
    problems = Problems(on_bad, notice, strict)
    options = ReadOptions(None if images is None else Path(images), first_pixel)
    found = assemble(CsvFormat().read(Path(annotations), None, options, problems), classes, problems)
    problems.finish()
    return found


class CsvFormat:
    """CSV files, alone or one a split."""

    name = "csv"
    expects = "a CSV file of boxes"
    takes_images = True

    def recognizes(self, data: Path) -> bool:
        """Say whether this is such a file or a folder of some."""
        return bool(find_csv(data))

    def splits(self, data: Path) -> tuple[str, ...]:
        """The splits that the set has."""
        return tuple(name for name in find_csv(data) if name is not None)

    def categories(self, data: Path, split: str | None) -> None:
        """None: classes have names alone."""

    def read(self, data: Path, split: str | None, options: ReadOptions, problems: Problems) -> AnnotatedSet:
        """Images of a split; None: of the one file."""
        found = find_csv(data)
        if split not in found:
            there = ", ".join(str(name) for name in found) or "none"
            raise ValueError(f"{data}: no CSV file of {split or 'all images'}; there are {there}")
        path, folders = found[split]
        first_pixel = "edges" if options.first_pixel is None else options.first_pixel
        if first_pixel not in RULES:
            raise ValueError(f"first_pixel: expected 1, 0 or 'edges', got {first_pixel!r}")
        finder = ImageFinder(*((options.images,) if options.images is not None else folders))
        table = _Table(path, RULES[first_pixel], finder, {})
        columns, rows = _read(path)
        relative = _are_shares(columns, rows)
        for number, row in rows:
            with problems.noting(f"{path}:{number}"):
                table.add(f"{path}:{number}", dict(zip(columns, row, strict=False)), relative, problems)
        return AnnotatedSet(str(path), [image for image in table.images.values() if image is not None])


@dataclass(frozen=True)
class _Table:
    path: Path
    rule: PixelRule
    finder: ImageFinder
    images: dict[str, AnnotatedImage | None]  # None: not to be found

    def add(self, at: str, row: dict[str, str], relative: bool, problems: Problems) -> None:
        """Add a row; errors lack the place."""
        name = row.get("image", "")
        if not name:
            raise ValueError("expected an image's path, found none")
        if name not in self.images:
            self.images[name] = None
            path = self._find(name, at, problems)
            self.images[name] = AnnotatedImage(path, path.stem, None, at, _told(row), relative=relative)
        image = self.images[name]
        texts = [row.get(key, "") for key in ("x1", "y1", "x2", "y2", "x", "y", "w", "h", "bbox")]
        if image is None or not any(texts):
            return
        try:
            numbers, spread = _corners(row)
            shown = ", ".join(f"{number:g}" for number in numbers)
            box = tuple(numbers) if relative else (RULES["edges"] if spread else self.rule).box(numbers)
            label = row.get("class", "").strip() if "class" in row else _ONE_CLASS
            if not label:
                raise ValueError("expected the name of a class, found none")
            image.objects.append(AnnotatedObject(label, box, at, f"box {shown}"))  # type: ignore[arg-type]
        except ValueError:
            image.own_problems += 1
            raise

    def _find(self, name: str, at: str, problems: Problems) -> Path:
        try:
            return self.finder.by_path(name, at, problems) if is_image_name(Path(name)) else self.finder.by_stem(name)
        except FileNotFoundError as error:
            raise ValueError(str(error)) from error


def _corners(row: dict[str, str]) -> tuple[list[float], bool]:
    """x1, y1, x2, y2, and whether they were given by a width and a height."""
    try:
        if row.get("bbox"):
            x, y, width, height = map(float, json.loads(row["bbox"]))
        elif row.get("x1"):
            return [float(row.get(key) or "") for key in ("x1", "y1", "x2", "y2")], False
        else:
            x, y = (float(row.get(key) or "") for key in ("x", "y"))
            width, height = (
                float(row.get(key) or row.get(other) or "") for key, other in (("w", "width"), ("h", "height"))
            )
    except (ValueError, TypeError):
        shown = ", ".join(f"{key} {text!r}" for key, text in row.items() if key not in ("image", "class"))
        raise ValueError(f"expected the four numbers of a box, got {shown}") from None
    return [x, y, x + width, y + height], True


def _told(row: dict[str, str]) -> tuple[float, float] | None:
    """The image's size, where width and height are not the box's."""
    if not row.get("x1"):
        return None
    try:
        width, height = float(row.get("width") or 0), float(row.get("height") or 0)
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The columns by our names, and the rows with their line numbers.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such table.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8: {error}") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    try:
        rows = [
            (reader.line_num, [word.strip() for word in row]) for row in reader if any(word.strip() for word in row)
        ]
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: not CSV: {error}") from error
    if not rows:
        raise ValueError(f"{path}: expected rows of boxes, found none")
    if len(rows[0][1]) == len(_PLAIN) and all(_is_number(word) for word in rows[0][1][1:5] if word):
        return list(_PLAIN), rows
    known = {other: name for name, others in _COLUMNS.items() for other in others}
    columns = [known.get(word.lower().replace(" ", "_"), word) for word in rows[0][1]]
    boxes = ({"x1", "y1", "x2", "y2"}, {"x", "y", "w", "h"}, {"x", "y", "width", "height"}, {"bbox"})
    if "image" not in columns or not any(names <= set(columns) for names in boxes):
        raise ValueError(
            f"{path}:{rows[0][0]}: expected path, x1, y1, x2, y2, class, or names of columns such as filename, xmin, "
            f"ymin, xmax, ymax, class, got {delimiter.join(rows[0][1])[:80]}"
        )
    return columns, rows[1:]


def _are_shares(columns: Sequence[str], rows: Iterable[tuple[int, list[str]]]) -> bool:
    """Say whether all corners are between 0 and 1 and some between: shares of the image, as Open Images has them."""
    places = [row for row, name in enumerate(columns) if name in ("x1", "y1", "x2", "y2")]
    words = [words[place] for _, words in rows for place in places if place < len(words) and words[place]]
    if not words or not all(_is_number(word) for word in words):
        return False
    numbers = [float(word) for word in words]
    return all(0 <= number <= 1 for number in numbers) and any(0 < number < 1 for number in numbers)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
