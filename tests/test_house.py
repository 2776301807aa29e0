"""The house of docs/contributing.md: a room uses only what stands below it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from house import imported_names

import spp_ops

FOLDER = Path(spp_ops.__file__).parent
ROOT = FOLDER.parent
# From the ground up. The rooms of the ground floor know each other.
FLOORS = (
    ("_core", "projection", "receptive_field"),
    ("functional", "reference"),
    ("compat", "nn", "onnx", "testing"),
    ("engine",),
    ("datasets",),
    ("models",),
    ("export",),
    ("classification", "detection"),
    ("benchmarks",),
    ("demo", "serve"),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(path for path in FOLDER.rglob("*.py") if path != FOLDER / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(FOLDER).parts[0].removesuffix(".py")


def test_every_file_is_in_a_room() -> None:
    assert {room_of(path) for path in FILES} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_room_uses_those_below_it(path: Path) -> None:
    room = room_of(path)
    parts = [name.split(".") for name in imported_names(path)]
    used = {part[1] for part in parts if part[0] == "spp_ops" and len(part) > 1 and part[1] in FLOOR} - {room}
    ground = FLOOR[room] == 0
    assert not {other for other in used if FLOOR[other] >= FLOOR[room] and not (ground and FLOOR[other] == 0)}


@pytest.mark.parametrize("path", sorted((ROOT / "csrc" / "kernels").rglob("*.*")), ids=lambda path: path.name)
def test_kernels_know_no_torch(path: Path) -> None:
    included = re.findall(r'#include [<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"))
    assert not [name for name in included if "torch" in name or "Python" in name]


def test_the_page_draws_every_room() -> None:
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    for room in set(FLOOR) - {"__main__"}:
        assert re.search(rf"^  {room}(/|\.py) ", page, re.MULTILINE), room
