"""Detections and other libraries' forms of them."""

from __future__ import annotations

import numpy as np
import pytest

from spp_ops.detection import Detections

CLASSES = ("cat", "dog", "owl")
FOUND = Detections(
    np.array([[1, 2, 10, 20], [0, 0, 0, 0]], np.float32),
    np.array([0.9, 0.25], np.float32),
    np.array([2, 0], np.int64),
    CLASSES,
)


@pytest.mark.parametrize("found", [FOUND, Detections.none(CLASSES)], ids=["two", "none"])
def test_supervision_there_and_back(found: Detections) -> None:
    pytest.importorskip("supervision")
    theirs = found.as_supervision()
    assert len(theirs) == len(found)
    assert list(theirs.data["class_name"]) == list(found.class_names)
    again = Detections.from_supervision(theirs, CLASSES)
    for name in ("boxes", "scores", "labels"):
        one, other = getattr(found, name), getattr(again, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


def test_supervisions_boxes_end_after_the_last_pixel() -> None:
    pytest.importorskip("supervision")
    theirs = FOUND.as_supervision()
    assert theirs.area.tolist() == [10 * 19, 1]  # pixels of both boxes
    assert theirs[theirs.confidence > 0.5].data["class_name"].tolist() == ["owl"]


def test_detections_of_no_class_or_of_others_are_refused() -> None:
    supervision = pytest.importorskip("supervision")
    boxes = np.array([[0.0, 0, 5, 5]])
    with pytest.raises(ValueError, match="found: expected detections with confidence and class_id"):
        Detections.from_supervision(supervision.Detections(boxes), CLASSES)
    other = supervision.Detections(boxes, confidence=np.array([0.5]), class_id=np.array([3]))
    with pytest.raises(ValueError, match="labels: expected 0 to 2"):
        Detections.from_supervision(other, CLASSES)
