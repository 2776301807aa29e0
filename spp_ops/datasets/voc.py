"""What the tasks of Pascal VOC share: where files lie, lists, annotations with line numbers, and writing both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.folders import image_endings
from spp_ops.engine.files import atomic_write

OTHER_FIELDS = {"pose": "Unspecified", "truncated": "0", "difficult": "0"}


def split_file(root: Path, split: str) -> Path:
    """Return the path of a split's list of images."""
    return root / "ImageSets" / "Main" / f"{split}.txt"


def read_list(path: Path) -> dict[int, str]:
    """Return the lines of a list that hold something, by their numbers, which count from 1.

    Raises:
        FileNotFoundError: there is no such list.
        ValueError: nothing is in it, or it is no text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no list of images at {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8: {error}") from error
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), 1) if line.strip()}
    if not lines:
        raise ValueError(f"{path}: expected at least one image, found none")
    return lines


def find_image(folder: Path, name: str) -> Path:
    """Find the file of that name; VOC's are .jpg, and other endings will do.

    Raises:
        FileNotFoundError: there is none.
    """
    endings = (".jpg", *sorted(image_endings()))
    for ending in (*endings, *map(str.upper, endings)):
        path = folder / f"{name}{ending}"
        if path.is_file():
            return path
    raise FileNotFoundError(f"no image {name} in {folder}")


@dataclass(frozen=True)
class Annotation:
    """An annotation's XML, which knows the lines of its elements."""

    path: Path
    root: ElementTree.Element
    lines: dict[ElementTree.Element, int]

    def at(self, element: ElementTree.Element) -> str:
        """Return where an element starts, as FILE:LINE."""
        return f"{self.path}:{self.lines[element]}"


def parse_annotation(path: Path) -> Annotation:
    """Parse an annotation.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no XML; the message names the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no annotation at {path}")
    # ElementTree's own parser keeps no line numbers; expat, on which it stands, tells them as it goes.
    builder = ElementTree.TreeBuilder()
    lines: dict[ElementTree.Element, int] = {}
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise ValueError(f"{path}:{parser.CurrentLineNumber}: not XML: {error}") from error
    return Annotation(path, builder.close(), lines)


def write_annotation(
    path: Path, image: str, size: tuple[int, int], boxes: npt.NDArray[np.float32], names: Sequence[str]
) -> None:
    """Write an annotation as VOC does, its pixels counted from 1.

    Args:
        path: of the XML.
        image: the image's file name.
        size: the image's width and height.
        boxes: [G, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included; whole numbers.
        names: the class of each box.
    """
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = image
    sides = ElementTree.SubElement(root, "size")
    for tag, value in zip(("width", "height", "depth"), (*size, 3), strict=True):
        ElementTree.SubElement(sides, tag).text = str(value)
    for box, name in zip(boxes.tolist(), names, strict=True):
        item = ElementTree.SubElement(root, "object")
        for tag, text in ({"name": name} | OTHER_FIELDS).items():
            ElementTree.SubElement(item, tag).text = text
        corners = ElementTree.SubElement(item, "bndbox")
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            ElementTree.SubElement(corners, tag).text = str(round(value) + 1)
    ElementTree.indent(root)
    with atomic_write(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8")


def write_list(path: Path, lines: Sequence[str]) -> None:
    """Write a list, an entry a line."""
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
