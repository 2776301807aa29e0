"""What is drawn on a photo, found again by its colors."""

from __future__ import annotations

import colorsys
import itertools

import numpy as np
import pytest
from PIL import Image
from small_detectors import CLASSES

from spp_ops.datasets.detection import Objects
from spp_ops.detection import visualize
from spp_ops.detection.detections import Detections
from spp_ops.detection.visualize import LEAST_SIDE, class_color, draw_detections

label = visualize._label
GRAY = np.full((600, 800, 3), 128, np.uint8)


def found(*boxes: list[float]) -> Detections:
    count = len(boxes)
    scores = np.linspace(0.9, 0.5, count, dtype=np.float32)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores, np.arange(count) % 3, CLASSES)


def places(image: Image.Image, label: int) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 of all pixels of a class's color."""
    y, x = (np.asarray(image) == class_color(label)).all(axis=2).nonzero()
    return int(x.min()), int(y.min()), int(x.max()), int(y.max())


def test_each_box_has_its_classs_color_and_place() -> None:
    image = draw_detections(GRAY, found([100, 200, 399, 499], [500, 300, 699, 599]))
    assert image.size == (800, 600)
    left, top, right, bottom = places(image, 0)
    assert (left, right, bottom) == (100, 399, 499)
    assert 200 - 40 < top < 200 - 10  # the text stands on the box
    assert places(image, 1)[0] == 500
    assert (np.asarray(image)[:150] == 128).all()


def test_a_small_photo_is_enlarged_with_its_boxes() -> None:
    image = draw_detections(GRAY[:48, :64], found([0, 0, 63, 47]))
    assert image.size == (LEAST_SIDE, LEAST_SIDE * 3 // 4)
    assert places(image, 0) == (0, 0, image.width - 1, image.height - 1)


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (700, 2)])
def test_photos_of_any_shape(size: tuple[int, int]) -> None:
    image = draw_detections(np.zeros((*size, 3), np.uint8), found([0, 0, size[1] - 1, size[0] - 1]))
    assert max(image.size) >= LEAST_SIDE


def test_texts_do_not_hide_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[visualize.Rectangle] = []
    monkeypatch.setattr(visualize, "_label", lambda *args: written.append(label(*args)) or written[-1])
    draw_detections(GRAY, found(*([100 + 3 * step, 200 + 3 * step, 400, 400] for step in range(5))))
    assert len(written) == 5
    for row, (x1, y1, x2, y2) in enumerate(written):
        assert 0 <= x1 < x2 <= 800
        assert 0 <= y1 < y2 <= 600
        assert all(x2 <= left or right <= x1 or y2 <= top or bottom <= y1 for left, top, right, bottom in written[:row])


def test_the_truth_stands_beside() -> None:
    truth = Objects(np.array([[100, 200, 399, 499]], np.float32), np.array([2]), np.array([True]))
    image = draw_detections(GRAY, found([500, 300, 699, 599]), truth)
    assert image.width > 2 * 800
    assert places(image, 2)[2] < 800  # the truth on the left
    assert places(image, 0)[0] > 800


def test_nothing_found_leaves_the_photo_as_it_is() -> None:
    assert (np.asarray(draw_detections(GRAY, Detections.none(CLASSES))) == GRAY).all()


def test_the_photo_itself_is_not_drawn_on() -> None:
    before = GRAY.copy()
    draw_detections(GRAY, found([100, 200, 399, 499]))
    assert (before == GRAY).all()


def test_neighboring_classes_differ_in_hue() -> None:
    hues = [colorsys.rgb_to_hsv(*(part / 255 for part in class_color(label)))[0] for label in range(20)]
    for one, other in itertools.pairwise(hues):
        assert min(abs(one - other), 1 - abs(one - other)) > 0.3
    assert len({class_color(label) for label in range(80)}) == 80
