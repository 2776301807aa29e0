"""The categories of COCO annotation files."""

from __future__ import annotations

import os
from pathlib import Path

from spp_ops.datasets.formats.coco_entries import Id, Place, entries_of, entry_id
from spp_ops.datasets.formats.json_lists import JsonLists, read_json_lists
from spp_ops.datasets.problems import Kind, Problems

GROUP = Kind(
    "category left out: no object is of it, and it is the group of the others",
    "categories left out: no object is of them, and they are groups of others",
)
SAME_NAME = Kind(
    "category of the same name as another counts as that", "categories of the same names as others count as those"
)


def read_coco_categories(annotations: str | os.PathLike[str]) -> dict[Id, str]:
    """Return the names of an annotation file's categories by their ids, in the order of these.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not as expected.
    """
    return categories_of(read_json_lists(Path(annotations)), Problems(notice=lambda line: None))


def categories_of(content: JsonLists, problems: Problems) -> dict[Id, str]:
    """Return the names of the categories by their ids, in the order of these where they are numbers.

    Roboflow's group of all categories (no object is of it, and others name it as what is above them) is left out.

    Raises:
        ValueError: they are not as expected.
    """
    found: dict[Id, str] = {}
    groups: dict[Id, str] = {}
    entries = entries_of(content, "categories")
    above = {entry.get("supercategory") for entry in entries if entry.get("supercategory") != entry.get("name")}
    rows = content.lists.get("annotations") or []
    used = {_plain(entry.get("category_id")) for entry in rows if isinstance(entry, dict)}
    for row, entry in enumerate(entries):
        place, name = Place(content, "categories", row), entry.get("name")
        try:
            number = entry_id(entry, "id")
        except ValueError:
            number = None
        taken = number is None or number in found or (problems.strict and name in found.values())
        if not isinstance(name, str) or taken:
            raise ValueError(
                f"{content.at('categories', row)}: expected a category with an id and a name of its own, "
                f"got id {entry.get('id')!r} and name {name!r}"
            )
        if name in above and number not in used and entry.get("supercategory") in ("none", "", None):
            groups[number] = name
            problems.note(GROUP, place)
            continue
        if name in found.values():
            problems.mend(SAME_NAME, place)
        found[number] = name
    if not found:
        found = groups
    numbers = all(isinstance(number, int | float) for number in found)
    return dict(sorted(found.items())) if numbers else found


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float) else None
