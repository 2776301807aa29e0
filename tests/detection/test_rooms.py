"""The rooms of `spp_ops.detection`: each uses only those below it, and gives out what it says it does."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from house import imported_names

import spp_ops

FOLDER = Path(spp_ops.__file__).parent / "detection"
FLOORS = (
    ("detections", "nms", "pretrained"),
    ("boxes",),
    ("coco_results", "losses", "sampling", "visualize"),
    ("proposals",),
    ("features",),
    ("detectors",),
    ("evaluation", "export"),
    ("joint", "staged"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
ROOMS = ("detectors", "evaluation", "export", "features", "joint", "pretrained", "proposals", "staged")


def room_of(path: Path) -> str:
    return path.relative_to(FOLDER).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The rooms that a file imports from, inside functions too."""
    parts = [name.split(".") for name in imported_names(path)]
    return {part[2] for part in parts if part[:2] == ["spp_ops", "detection"] and len(part) > 2 and part[2] in FLOOR}


def test_every_file_is_in_a_room() -> None:
    assert {room_of(path) for path in FOLDER.rglob("*.py")} - {"__init__"} == set(FLOOR)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_room_uses_those_below_it(path: Path) -> None:
    room = room_of(path)
    if room != "__init__":
        above = {other for other in imports(path) - {room} if FLOOR[other] >= FLOOR[room]}
        assert not above


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_rooms_say_what_they_give_out(room: str) -> None:
    module = importlib.import_module(f"spp_ops.detection.{room}".rstrip("."))
    assert module.__doc__
    assert sorted(module.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)) == module.__all__
    for name in module.__all__:
        assert getattr(module, name).__doc__ or name.isupper()


def test_detection_needs_no_plotting() -> None:
    unwanted = "'matplotlib', 'sklearn', 'rich', 'lightning_fabric'"
    code = f"import sys, spp_ops.detection; print([name for name in ({unwanted}) if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
