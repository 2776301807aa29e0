"""The objects of one Pascal VOC annotation, checked against its image."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from spp_ops.datasets.problems import Problems
from spp_ops.datasets.sizes import ImageSize, box_complaint, clip, drawn_on_stored
from spp_ops.datasets.voc import Annotation

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class VocObject:
    """An object; its box is x1, y1, x2, y2 in 0-based pixels of the upright image, last pixels included."""

    name: str
    box: tuple[float, float, float, float]
    difficult: bool
    at: str  # FILE:LINE


def read_objects(annotation: Annotation, size: ImageSize, first_pixel: int, problems: Problems) -> list[VocObject]:
    """Return the objects that can be used; what is wrong with others goes to `problems`.

    Raises:
        ValueError: the annotation is of an image of another size, or has no objects.
    """
    stored = _drawn_on_stored(annotation, size, problems)
    items = annotation.root.findall("object")
    if not items:
        raise ValueError(f"{annotation.at(annotation.root)}: expected objects, found none")
    objects = []
    for item in items:
        with problems.noting():
            objects.append(_object(annotation, item, size, stored, first_pixel))
    return objects


def _drawn_on_stored(annotation: Annotation, size: ImageSize, problems: Problems) -> bool:
    """Tell from the annotation's size whether its boxes are those of the image before it is turned upright."""
    element = annotation.root.find("size")
    if element is None:
        return drawn_on_stored(size.upright, size, annotation.path, problems.notice)
    told = _number(annotation, element, "width"), _number(annotation, element, "height")
    try:
        return drawn_on_stored(told, size, annotation.path, problems.notice)
    except ValueError as error:
        raise ValueError(f"{annotation.at(element)}: {error}") from error


def _object(
    annotation: Annotation, item: ElementTree.Element, size: ImageSize, stored: bool, first_pixel: int
) -> VocObject:
    name = (item.findtext("name") or "").strip()
    if not name:
        raise ValueError(f"{annotation.at(item)}: expected a name in every object, found none")
    difficult = (item.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise ValueError(f"{annotation.at(item)}: difficult: expected 0 or 1, got {difficult!r}")
    element = item.find("bndbox")
    if element is None:
        raise ValueError(f"{annotation.at(item)}: expected a bndbox in every object, found none")
    corners = [_number(annotation, element, tag) for tag in _CORNERS]
    boxes = np.array([corners]) - first_pixel
    boxes = size.turn_upright(boxes) if stored else boxes
    complaint = box_complaint(boxes[0].tolist(), size)
    if complaint is not None:
        shown = ", ".join(f"{tag} {value:g}" for tag, value in zip(_CORNERS, corners, strict=True))
        raise ValueError(f"{annotation.at(element)}: {shown}, counted from {first_pixel}: {complaint}")
    x1, y1, x2, y2 = clip(boxes, size)[0].tolist()
    return VocObject(name, (x1, y1, x2, y2), difficult == "1", annotation.at(item))


def _number(annotation: Annotation, parent: ElementTree.Element, tag: str) -> float:
    element = parent.find(tag)
    if element is None:
        raise ValueError(f"{annotation.at(parent)}: expected {tag}, found none")
    try:
        return float(element.text or "")
    except ValueError:
        raise ValueError(f"{annotation.at(element)}: {tag}: expected a number, got {element.text!r}") from None
