"""COCO's results format: written, read back, read by pycocotools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from spp_ops.detection.coco_results import read_coco_results, write_coco_results
from spp_ops.detection.detections import Detections

CLASSES = ("cat", "dog")
CATEGORIES = {18: "dog", 17: "cat", 3: "car"}
FOUND = [
    Detections(
        np.array([[0, 0, 9, 4], [2.5, 3, 2.5, 3]], np.float32),
        np.array([0.1, -1.25], np.float32),
        np.array([1, 0]),
        CLASSES,
    ),
    Detections.none(CLASSES),
]


def same(first: Detections, second: Detections) -> bool:
    pairs = ((getattr(first, name), getattr(second, name)) for name in ("boxes", "scores", "labels"))
    return first.classes == second.classes and all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


@pytest.mark.parametrize("categories", [None, CATEGORIES])
def test_results_come_back_as_they_were(tmp_path: Path, categories: dict[int, str] | None) -> None:
    write_coco_results(tmp_path / "r.json", [7, 9], FOUND, categories)
    back = read_coco_results(tmp_path / "r.json", [9, 7], CLASSES, categories)
    assert same(back[0], FOUND[1])
    assert same(back[1], FOUND[0])


def test_the_file_is_as_coco_wants_it(tmp_path: Path) -> None:
    write_coco_results(tmp_path / "r.json", [7, 9], FOUND, CATEGORIES)
    entries = json.loads((tmp_path / "r.json").read_text())
    assert entries[0] == {"image_id": 7, "category_id": 18, "bbox": [0, 0, 10, 5], "score": pytest.approx(0.1)}
    coco = COCO()
    coco.dataset = {"images": [{"id": 7}], "categories": [{"id": 17}, {"id": 18}], "annotations": []}
    coco.createIndex()
    assert [entry["area"] for entry in coco.loadRes(str(tmp_path / "r.json")).dataset["annotations"]] == [50, 1]


def test_an_empty_file(tmp_path: Path) -> None:
    write_coco_results(tmp_path / "r.json", [9], FOUND[1:])
    assert json.loads((tmp_path / "r.json").read_text()) == []
    assert same(read_coco_results(tmp_path / "r.json", [9], CLASSES)[0], FOUND[1])


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="categories: expected cat among dog"):
        write_coco_results(tmp_path / "r.json", [7, 9], FOUND, {18: "dog"})
    endless = Detections(
        np.array([[0, 0, np.inf, 1]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64), CLASSES
    )
    with pytest.raises(ValueError, match="found: expected finite boxes and scores"):
        write_coco_results(tmp_path / "r.json", [7], [endless])
    assert not list(tmp_path.iterdir())


GOOD = '{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 1}'


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"image_id": 1', '"image_id": [1]', "image_id: expected a"),
        ('"category_id": 1', '"category_id": 3', r"category_id: expected one of \[1, 2\], got 3"),
        ("[0, 0, 5, 5]", "[0, 0, 5]", r"expected bbox \(x, y, width, height\) and score, got \[0, 0, 5\], 1"),
        ("[0, 0, 5, 5]", "[0, 0, 0, 5]", "expected bbox"),
        ("[0, 0, 5, 5]", "[0, 0, NaN, 5]", "expected bbox"),
        ("[0, 0, 5, 5]", "null", "expected bbox"),
        ('"score": 1', '"score": "high"', "expected bbox"),
        (GOOD, "[1]", r"expected an object, got \[1\]"),
    ],
)
def test_bad_entries_are_named_with_their_line(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    (tmp_path / "r.json").write_text(f"[{GOOD},\n{GOOD.replace(old, new)}]")
    with pytest.raises(ValueError, match=rf"r\.json:2: {complaint}"):
        read_coco_results(tmp_path / "r.json", [1], CLASSES)


def test_no_list_at_all(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(ValueError, match=r"r\.json:1: not as JSON should be: expected \["):
        read_coco_results(tmp_path / "r.json", [1], CLASSES)
    with pytest.raises(FileNotFoundError):
        read_coco_results(tmp_path / "none.json", [1], CLASSES)
