"""The page of photos: what counts as right and as missed, and that all of it is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spp_ops.datasets.detection import Objects
from spp_ops.demo.gallery import Shown, judge, save_gallery
from spp_ops.detection.detections import Detections

CLASSES = ("cat", "dog")


def objects(boxes: list[list[float]], labels: list[int]) -> Objects:
    return Objects(np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.zeros(len(labels), bool))


def found(boxes: list[list[float]], labels: list[int], scores: list[float]) -> Detections:
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(rows, np.array(scores, np.float32), np.array(labels, np.int64), CLASSES)


def test_right_wrong_and_missed() -> None:
    truth = objects([[0, 0, 19, 19], [40, 0, 59, 19], [0, 40, 19, 59]], [0, 1, 0])
    boxes = [[1, 1, 19, 19], [0, 0, 18, 18], [40, 0, 59, 19], [0, 40, 9, 48], [70, 70, 80, 80]]
    # Twice the same cat, of which the surer one counts; a dog taken for a cat; half a cat; nothing at all.
    right, missed = judge(truth, found(boxes, [0, 0, 0, 0, 1], [0.6, 0.9, 0.8, 0.7, 0.5]))
    assert right.tolist() == [False, True, False, False, False]
    assert missed.tolist() == [False, True, True]


@pytest.mark.parametrize("count", [0, 2])
def test_nothing_there_or_nothing_found(count: int) -> None:
    boxes, labels = [[0, 0, 9, 9], [20, 20, 29, 29]][:count], [0, 1][:count]
    right, missed = judge(objects([], []), found(boxes, labels, [0.9, 0.8][:count]))
    assert (right.tolist(), missed.tolist()) == ([False] * count, [])
    right, missed = judge(objects(boxes, labels), found([], [], []))
    assert (right.tolist(), missed.tolist()) == ([], [True] * count)


def colors(tmp_path: Path, labels: list[int], scores: list[float]) -> set[str]:
    """Which kinds of frames are on a page of gray photos of one cat and two boxes."""
    truth = objects([[20, 20, 59, 59]], [0])
    boxes = found([[20, 20, 59, 59], [5, 62, 30, 75]], labels, scores)
    photos = [Shown(np.full((80, width, 3), 90, np.uint8), truth, boxes) for width in (120, 60, 80)]
    save_gallery(tmp_path / "page.png", photos, "title", "subtitle")
    with Image.open(tmp_path / "page.png") as page:
        pixels = np.asarray(page.convert("RGB")).astype(int)[140:]  # below the legend
    known = {"right": (0x2F, 0xE0, 0x8C), "wrong": (0xFF, 0x5A, 0x36)}
    return {name for name, color in known.items() if (np.abs(pixels - color).max(axis=2) < 12).sum() > 500}


def test_the_page_shows_what_is_sure(tmp_path: Path) -> None:
    assert colors(tmp_path, [0, 1], [0.9, 0.8]) == {"right", "wrong"}
    assert colors(tmp_path, [0, 1], [0.9, 0.3]) == {"right"}
    assert colors(tmp_path, [1, 1], [0.9, 0.3]) == {"wrong"}
