"""Annotations of Pascal VOC: XML whose elements know their lines, and writing them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.problems import Kind, Problems
from spp_ops.engine.files import atomic_write

OTHER_FIELDS = {"pose": "Unspecified", "truncated": "0", "difficult": "0"}
FALLBACK = "cp1252"  # Western Windows; what it lacks is read as Latin-1

OTHER_ENCODING = Kind(
    f"annotation read as {FALLBACK}: it is in another encoding than it says",
    f"annotations read as {FALLBACK}: they are in another encoding than they say",
)
_DECLARED = re.compile(rb"""<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)["']""")


@dataclass(frozen=True)
class Annotation:
    """An annotation's XML, which knows the lines of its elements."""

    path: Path
    root: ElementTree.Element
    lines: dict[ElementTree.Element, int]

    def at(self, element: ElementTree.Element) -> str:
        """Return where an element starts, as FILE:LINE."""
        return f"{self.path}:{self.lines[element]}"


def parse_annotation(path: Path, problems: Problems | None = None) -> Annotation:
    """Parse an annotation.

    Bytes that are not of the encoding that the file declares (UTF-8 where it declares none) are read by a fallback,
    which `problems` are told, unless the name of a class would depend on it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no XML, or in an encoding that can't be told; the message names the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no annotation at {path}")
    content = path.read_bytes()
    try:
        return _parse(path, content, None)
    except ValueError as error:
        text, declared = _decoded(content)
        if text is None or (declared and text.encode() == content):
            raise
        if declared:  # expat knows few encodings, Python's codecs most
            return _parse(path, text.encode(), "utf-8")
        first = error
    found = _parse(path, text.encode(), "utf-8")
    names = [item.findtext("name") or "" for item in found.root.findall("object")]
    if not all(name.isascii() for name in names):
        raise ValueError(
            f"{first}; the file is not in UTF-8, and the name of a class depends on its encoding: save it in UTF-8, or "
            'name the encoding in its first line (<?xml version="1.0" encoding="..."?>)'
        ) from first
    if problems is not None:
        problems.mend(OTHER_ENCODING, path, f"not XML: bytes that are no UTF-8, of another encoding ({FALLBACK}?)")
    return found


def _decoded(content: bytes) -> tuple[str | None, bool]:
    """The text by the declared encoding and True; by the fallback and False; None where an encoding would not help."""
    match = _DECLARED.search(content[:200])
    declared = "utf-8" if match is None else match.group(1).decode()
    try:
        return content.decode(declared), True
    except (UnicodeDecodeError, LookupError):
        pass
    try:
        return content.decode(FALLBACK), False
    except UnicodeDecodeError:
        return content.decode("latin-1"), False


def _parse(path: Path, content: bytes, encoding: str | None) -> Annotation:
    # ElementTree's own parser keeps no line numbers; expat, on which it stands, tells them as it goes.
    builder = ElementTree.TreeBuilder()
    lines: dict[ElementTree.Element, int] = {}
    parser = expat.ParserCreate(encoding)

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
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
