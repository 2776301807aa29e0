"""The objects of one Pascal VOC annotation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree import ElementTree

from spp_ops.datasets.formats.base import AnnotatedObject
from spp_ops.datasets.formats.voc_xml import Annotation
from spp_ops.datasets.problems import Kind, Problems

NO_SIZE = Kind("annotation without a size (0 or empty)", "annotations without a size (0 or empty)")
UNSURE = Kind(
    "object whose difficult is neither 0 nor 1 counts as not difficult",
    "objects whose difficult is neither 0 nor 1 count as not difficult",
)
AROUND = Kind("box laid around a polygon or a rotated box", "boxes laid around polygons or rotated boxes")

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_DIFFICULT = {"0": False, "1": True, "false": False, "true": True}


@dataclass(frozen=True)
class PixelRule:
    """How boxes are counted.

    Attributes:
        first: what the first pixel of a row is called.
        past: how far the last pixel's number is below the right edge's: 1 where boxes end at an edge.
    """

    first: int
    past: int = 0

    def box(self, corners: list[float]) -> tuple[float, float, float, float]:
        """Return corners in 0-based pixels, the last one included."""
        x1, y1, x2, y2 = corners
        return x1 - self.first, y1 - self.first, x2 - self.first - self.past, y2 - self.first - self.past

    def __str__(self) -> str:
        return "between edges" if self.past else f"counted from {self.first}"


def told_size(annotation: Annotation, problems: Problems) -> tuple[float, float] | None:
    """Return width and height; None where the annotation does not say.

    Raises:
        ValueError: with `problems.strict`: they are there, and 0 or no numbers.
    """
    element = annotation.root.find("size")
    if element is None:
        return None
    try:
        width, height = (float(element.findtext(tag) or 0) for tag in ("width", "height"))
    except ValueError:
        width = height = 0.0
    if width > 0 and height > 0:
        return width, height
    problems.mend(NO_SIZE, annotation.at(element), "width, height: expected positive numbers")
    return None


def read_objects(annotation: Annotation, rule: PixelRule, problems: Problems) -> tuple[list[AnnotatedObject], int]:
    """Return the objects that can be read, and how many can't; what is wrong with these goes to `problems`."""
    items = annotation.root.findall("object")
    objects = []
    for item in items:
        with problems.noting():
            objects.append(_object(annotation, item, rule, problems))
    return objects, len(items) - len(objects)


def _object(annotation: Annotation, item: ElementTree.Element, rule: PixelRule, problems: Problems) -> AnnotatedObject:
    name = (item.findtext("name") or "").strip()
    if not name:
        raise ValueError(f"{annotation.at(item)}: expected a name in every object, found none")
    element, corners = _corners(annotation, item, problems)
    shown = ", ".join(f"{tag} {value:g}" for tag, value in zip(_CORNERS, corners, strict=True))
    return AnnotatedObject(
        name=name,
        box=rule.box(corners),
        at=annotation.at(element),
        shown=f"{shown}, {rule}",
        difficult=_difficult(annotation, item, problems),
    )


def _difficult(annotation: Annotation, item: ElementTree.Element, problems: Problems) -> bool:
    text = (item.findtext("difficult") or "0").strip()
    if text.lower() not in _DIFFICULT:
        problems.mend(UNSURE, annotation.at(item), f"difficult: expected 0 or 1, got {text!r}")
    return _DIFFICULT.get(text.lower(), False)


def _corners(
    annotation: Annotation, item: ElementTree.Element, problems: Problems
) -> tuple[ElementTree.Element, list[float]]:
    """Return the element of the box and its corners, as the file counts them."""
    box, polygon, rotated = (item.find(tag) for tag in ("bndbox", "polygon", "robndbox"))
    if box is not None:
        return box, [_number(annotation, box, tag) for tag in _CORNERS]
    if polygon is not None:
        x, y = ([_value(annotation, e) for e in polygon if e.tag[:1] == axis] for axis in "xy")
        points = polygon.findall("pt")  # LabelMe's
        x += [_number(annotation, point, "x") for point in points]
        y += [_number(annotation, point, "y") for point in points]
        if not x or len(x) != len(y):
            raise ValueError(f"{annotation.at(polygon)}: expected as many x as y in a polygon, got {len(x)}, {len(y)}")
        element, corners = polygon, [min(x), min(y), max(x), max(y)]
    elif rotated is not None:
        cx, cy, width, height, angle = (_number(annotation, rotated, tag) for tag in ("cx", "cy", "w", "h", "angle"))
        across = (abs(width * math.cos(angle)) + abs(height * math.sin(angle))) / 2
        down = (abs(width * math.sin(angle)) + abs(height * math.cos(angle))) / 2
        element, corners = rotated, [cx - across, cy - down, cx + across, cy + down]
    else:
        raise ValueError(f"{annotation.at(item)}: expected a bndbox in every object, found none")
    problems.mend(AROUND, annotation.at(item), "expected a bndbox in every object, found none")
    return element, corners


def _number(annotation: Annotation, parent: ElementTree.Element, tag: str) -> float:
    element = parent.find(tag)
    if element is None:
        raise ValueError(f"{annotation.at(parent)}: expected {tag}, found none")
    return _value(annotation, element)


def _value(annotation: Annotation, element: ElementTree.Element) -> float:
    try:
        return float(element.text or "")
    except ValueError:
        raise ValueError(f"{annotation.at(element)}: {element.tag}: expected a number, got {element.text!r}") from None
