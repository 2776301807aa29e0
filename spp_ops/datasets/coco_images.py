"""Images of a COCO annotation file, as its objects are added to them, and checks of the file's entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from spp_ops.datasets.detection import Objects
from spp_ops.datasets.json_lists import JsonLists
from spp_ops.datasets.sizes import ImageSize, box_complaint, clip


@dataclass
class CocoImage:
    """An image, and its objects as they are found.

    Attributes:
        path: its file.
        size: its size.
        stored: boxes are those of the image before it is turned upright.
    """

    path: Path
    size: ImageSize
    stored: bool
    boxes: list[list[float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    crowds: list[bool] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)

    def add(self, entry: dict[str, Any], label: int) -> None:
        """Add the object of an entry of ``annotations``.

        Raises:
            ValueError: it is not as expected.
        """
        box = entry.get("bbox")
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
            raise ValueError(f"bbox: expected x, y, width and height, got {box!r}")
        x, y, width, height = map(float, box)
        boxes = np.array([[x, y, x + width - 1, y + height - 1]])
        corners = (self.size.turn_upright(boxes) if self.stored else boxes)[0].tolist()
        complaint = box_complaint(corners, self.size)
        if complaint is not None:
            raise ValueError(f"bbox {box}: {complaint}")
        crowd = entry.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise ValueError(f"iscrowd: expected 0 or 1, got {crowd!r}")
        area = entry.get("area")
        self.boxes.append(corners)
        self.labels.append(label)
        self.crowds.append(bool(crowd))
        self.areas.append(float(area) if _is_number(area) else width * height)

    def objects(self) -> Objects:
        """Return what has been added."""
        return Objects(
            boxes=clip(np.array(self.boxes, np.float64).reshape(-1, 4), self.size),
            labels=np.array(self.labels, np.int64),
            difficult=np.array(self.crowds, np.bool_),
            areas=np.array(self.areas, np.float64),
        )


def entries_of(content: JsonLists, name: str) -> list[dict[str, Any]]:
    """Return a list of the file.

    Raises:
        ValueError: it is not there or empty, or an entry is no JSON object.
    """
    entries = content.lists.get(name)
    if not entries:
        raise ValueError(f"{content.path}: expected a list of {name}, found none")
    bad = next((row for row, entry in enumerate(entries) if not isinstance(entry, dict)), None)
    if bad is not None:
        raise ValueError(f"{content.at(name, bad)}: expected an object in {name}, got {entries[bad]!r}")
    return entries


def place(content: JsonLists, name: str, row: int) -> str:
    """Return where an entry is and its id, as ``FILE:LINE: images, id 5``."""
    return f"{content.at(name, row)}: {name}, id {content.lists[name][row].get('id')!r}"


def categories_of(content: JsonLists) -> dict[int, str]:
    """Return the names of the categories by their ids, in the order of these.

    Raises:
        ValueError: they are not as expected.
    """
    found: dict[int, str] = {}
    for row, entry in enumerate(entries_of(content, "categories")):
        number, name = entry.get("id"), entry.get("name")
        if not _is_whole(number) or not isinstance(name, str) or number in found or name in found.values():
            raise ValueError(
                f"{content.at('categories', row)}: expected a category with an id and a name of its own, "
                f"got id {number!r} and name {name!r}"
            )
        found[number] = name
    return dict(sorted(found.items()))


def whole_number(entry: dict[str, Any], key: str) -> int:
    """Return a whole number of an entry.

    Raises:
        ValueError: it is none.
    """
    value = entry.get(key)
    if not _is_whole(value):
        raise ValueError(f"{key}: expected a whole number, got {value!r}")
    return int(value)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
