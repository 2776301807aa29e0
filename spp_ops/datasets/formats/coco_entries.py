"""The entries of a COCO annotation file, as tools write them, checked one by one."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from spp_ops.datasets.formats.base import AnnotatedObject
from spp_ops.datasets.formats.json_lists import JsonLists
from spp_ops.datasets.problems import Kind, Problems

Id: TypeAlias = Hashable  # a number or a text, whichever the file has

NO_SIZE = Kind("image entry without a size (0, null or half of it)", "image entries without a size (0, null or half)")
CROWD_TEXT = Kind("iscrowd given as a text", "iscrowd given as texts")
NO_AREA = Kind(
    "area worked out from the box, as it is no positive number",
    "areas worked out from boxes, as they are no positive numbers",
)
AROUND = Kind("box laid around an outline, as bbox is missing", "boxes laid around outlines, as bbox is missing")


@dataclass(frozen=True)
class Place:
    """An entry; its text is ``FILE:LINE: images, id 5``."""

    content: JsonLists
    name: str
    row: int

    def __str__(self) -> str:
        entry = self.content.lists[self.name][self.row]
        told = f", id {entry['id']!r}" if "id" in entry else ""
        return f"{self.content.at(self.name, self.row)}: {self.name}{told}"


def entries_of(content: JsonLists, name: str, *, empty: bool = False) -> list[dict[str, Any]]:
    """Return a list of the file.

    Raises:
        ValueError: it is not there, or empty unless that may be; or an entry is no JSON object.
    """
    entries = content.lists.get(name)
    if entries is None or (not entries and not empty):
        raise ValueError(f"{content.path}: expected a list of {name}, found none")
    bad = next((row for row, entry in enumerate(entries) if not isinstance(entry, dict)), None)
    if bad is not None:
        raise ValueError(f"{content.at(name, bad)}: expected an object in {name}, got {entries[bad]!r}")
    return entries


def entry_id(entry: dict[str, Any], key: str) -> Id:
    """Return an id, which is a number or a text.

    Raises:
        ValueError: it is neither.
    """
    value = entry.get(key)
    if isinstance(value, str) or (is_number(value) and math.isfinite(value)):
        return value
    raise ValueError(f"{key}: expected a number or a text, got {value!r}")


def told_size(entry: dict[str, Any], place: Place, problems: Problems) -> tuple[float, float] | None:
    """Return the width and height of an entry of ``images``; None where it does not have both.

    Raises:
        ValueError: one is no whole number; with `problems.strict`: it has one alone, or 0 or null.
    """
    if "width" not in entry and "height" not in entry:
        return None
    sides = []
    for key in ("width", "height"):
        value = entry.get(key) or 0
        if not is_number(value) or value != math.floor(value):
            raise ValueError(f"{key}: expected a whole number, got {entry.get(key)!r}")
        sides.append(float(value))
    if min(sides) > 0:
        return sides[0], sides[1]
    key = "width" if sides[0] <= 0 else "height"
    if problems.strict:
        raise ValueError(f"{key}: expected a whole number, got {entry.get(key)!r}")
    problems.mend(NO_SIZE, place)
    return None


def read_object(entry: dict[str, Any], name: str, place: Place, problems: Problems) -> AnnotatedObject:
    """Return the object of an entry of ``annotations``.

    Raises:
        ValueError: it is not as expected; the message lacks the place.
    """
    box = entry.get("bbox")
    if not box and entry.get("segmentation"):
        box = _around(entry["segmentation"])
        _mend(AROUND, place, f"bbox: expected x, y, width and height, got {entry.get('bbox')!r}", problems)
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
        raise ValueError(f"bbox: expected x, y, width and height, got {box!r}")
    x, y, width, height = map(float, box)
    return AnnotatedObject(
        name=name,
        box=(x, y, x + width - 1, y + height - 1),
        at=place,
        shown=f"bbox {box}",
        difficult=_crowd(entry, place, problems),
        area=_area(entry, width * height, place, problems),
    )


def _crowd(entry: dict[str, Any], place: Place, problems: Problems) -> bool:
    crowd = entry.get("iscrowd", 0)
    if crowd is None:
        return False
    if isinstance(crowd, str) and crowd.strip().lower() in ("0", "1", "false", "true"):
        _mend(CROWD_TEXT, place, f"iscrowd: expected 0 or 1, got {crowd!r}", problems)
        return crowd.strip().lower() in ("1", "true")
    if crowd not in (0, 1):
        raise ValueError(f"iscrowd: expected 0 or 1, got {crowd!r}")
    return bool(crowd)


def _area(entry: dict[str, Any], of_box: float, place: Place, problems: Problems) -> float:
    area = entry.get("area")
    if is_number(area) and math.isfinite(area) and area > 0:
        return float(area)
    if area is not None:
        _mend(NO_AREA, place, f"area: expected a positive number, got {area!r}", problems)
    return of_box


def _mend(kind: Kind, place: Place, complaint: str, problems: Problems) -> None:
    """Mend, or raise the complaint alone: the caller names the place."""
    if problems.strict:
        raise ValueError(complaint)
    problems.mend(kind, place)


def _around(segmentation: Any) -> list[float]:
    """The box x, y, width, height around polygons or a mask.

    Raises:
        ValueError: it is neither.
    """
    try:
        if isinstance(segmentation, dict):
            from pycocotools import mask

            runs = segmentation["counts"]
            if isinstance(runs, list):
                segmentation = mask.frPyObjects(segmentation, *segmentation["size"])
            return [float(value) for value in mask.toBbox(segmentation)]
        polygons = segmentation if isinstance(segmentation[0], list) else [segmentation]
        numbers = [float(value) for polygon in polygons for value in polygon]
        x, y = numbers[::2], numbers[1::2]
        return [min(x), min(y), max(x) - min(x), max(y) - min(y)]
    except (TypeError, ValueError, KeyError, IndexError, LookupError) as error:
        raise ValueError(f"segmentation: expected polygons or a mask, got {str(segmentation)[:60]}") from error


def is_number(value: Any) -> TypeGuard[float]:
    """Say whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
