"""Average precision: the corners of the rules."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from evaluated import ONE, detections, evaluate, images, objects

from spp_ops.datasets.detection import Objects
from spp_ops.detection.detections import Detections
from spp_ops.detection.evaluation.coco_ap import coco_ap
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.evaluation.voc_ap import precision_recall

BOX = (10, 10, 29, 29)
AWAY = (60, 60, 79, 79)


def test_everything_found_and_nothing_else_is_one() -> None:
    evaluation = evaluate(objects([BOX, AWAY]), detections([AWAY, BOX], [0.2, 0.9]))
    assert evaluation.eleven_point == 1
    assert evaluation.all_points == 1
    assert evaluation.coco.ap == pytest.approx(1)


def test_the_second_detection_of_an_object_is_wrong() -> None:
    curve = evaluate(objects([BOX, AWAY]), detections([BOX, BOX, AWAY], [0.9, 0.8, 0.7])).curves[0]
    assert curve.hits.tolist() == [1, 1, 2]
    assert curve.precision.tolist() == [1, 0.5, 2 / 3]
    assert curve.recall.tolist() == [0.5, 0.5, 1]
    assert curve.all_points == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert curve.eleven_point == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_a_detection_belongs_to_the_object_that_it_overlaps_most() -> None:
    # The second one overlaps both objects by more than half, the first object more: that one is taken, so it is wrong.
    shifted = (10, 10, 29, 33)
    curve = evaluate(objects([BOX, shifted]), detections([BOX, (10, 10, 29, 30)], [0.9, 0.8])).curves[0]
    assert curve.hits.tolist() == [1, 1]


def test_what_lies_on_difficult_objects_does_not_count() -> None:
    truth = objects([BOX, AWAY], difficult=[1])
    curve = evaluate(truth, detections([AWAY, AWAY, BOX], [0.9, 0.8, 0.7])).curves[0]
    assert curve.positives == 1
    assert curve.hits.tolist() == [1]
    assert curve.eleven_point == 1


def test_extents_count_the_last_pixel() -> None:
    # Ten pixels beside twenty: exactly half. Without the last pixel: 9/19, less than half.
    half = (10, 10, 29, 19)
    assert evaluate(objects([BOX]), detections([half], [1.0])).all_points == 1
    assert evaluate(objects([BOX]), detections([half], [1.0]), iou=0.51).all_points == 0
    assert evaluate(objects([BOX]), detections([(10, 10, 29, 18)], [1.0])).all_points == 0


def test_a_recall_of_exactly_a_step_reaches_it() -> None:
    boxes = [(40 * row, 0, 40 * row + 9, 9) for row in range(10)]
    for found in range(11):
        curve = precision_recall([objects(boxes)], [detections(boxes[:found], [1.0] * found)], 0)
        assert curve.eleven_point == pytest.approx((found + 1) / 11 if found else 0)
        assert curve.all_points == pytest.approx(found / 10)


def test_nothing_found() -> None:
    evaluation = evaluate(objects([BOX]), detections([], []))
    assert evaluation.eleven_point == evaluation.all_points == evaluation.coco.ap == 0
    assert evaluation.as_data()["classes"]["thing"]["found"] == 0


@pytest.mark.parametrize(
    "truth", [objects([]), objects([BOX], difficult=[0])], ids=["no objects", "only difficult ones"]
)
@pytest.mark.parametrize("found", [detections([], []), detections([BOX, AWAY], [0.9, 0.8])], ids=["none", "two"])
def test_nothing_to_be_found(truth: Objects, found: Detections) -> None:
    evaluation = evaluate(truth, found)
    for value in (evaluation.eleven_point, evaluation.all_points, evaluation.coco.ap, evaluation.coco.class_ap[0]):
        assert math.isnan(value)
    data = json.loads(json.dumps(evaluation.as_data(), allow_nan=False))
    assert data["mean_ap_11_point"] is None
    assert data["coco"]["ap"] is None


def test_no_images() -> None:
    assert math.isnan(evaluate_detections(images([]), []).eleven_point)


def test_classes_without_objects_are_left_out_of_means() -> None:
    classes = ("a", "b", "c")
    found = detections([BOX, BOX, AWAY], [0.9, 0.8, 0.7], labels=[0, 1, 2], classes=classes)
    evaluation = evaluate(objects([BOX, AWAY], labels=[0, 2]), found)
    assert [curve.positives for curve in evaluation.curves] == [1, 0, 1]
    assert evaluation.eleven_point == 1
    assert math.isnan(evaluation.curves[1].all_points)
    assert len(evaluation.curves[1].hits) == 1  # kept: it is a wrong one


def test_equal_scores_come_in_the_order_of_images() -> None:
    truth = images([objects([BOX]), objects([BOX])])
    right, wrong = detections([BOX], [0.5]), detections([AWAY], [0.5])
    assert evaluate_detections(truth, [right, wrong]).curves[0].hits.tolist() == [1, 1]
    assert evaluate_detections(truth, [wrong, right]).curves[0].hits.tolist() == [0, 1]


def test_scores_may_be_negative() -> None:
    curve = evaluate(objects([BOX]), detections([AWAY, BOX], [-2.0, -1.0])).curves[0]
    assert curve.scores.tolist() == [-1, -2]
    assert curve.hits.tolist() == [1, 1]


def test_coco_sizes_go_by_the_area_of_the_object() -> None:
    box = (0, 0, 39, 39)  # 1,600 pixels, of which the object covers 900
    small = Objects(np.array([box], np.float32), np.zeros(1, np.int64), np.zeros(1, np.bool_), np.array([900.0]))
    for truth, found, empty in ((small, "small", "medium"), (objects([box]), "medium", "small")):
        figures = coco_ap(images([truth]), [detections([box], [0.9])])
        assert getattr(figures, found) == pytest.approx(1)
        assert math.isnan(getattr(figures, empty))
        assert math.isnan(figures.large)


def test_coco_overlaps() -> None:
    figures = evaluate(objects([BOX]), detections([(10, 10, 29, 21)], [0.9])).coco  # an IoU of 0.6
    assert (figures.ap50, figures.ap75) == (pytest.approx(1), 0)
    assert figures.ap == pytest.approx(0.3)  # at 0.5, 0.55, 0.6 of ten


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (([objects([BOX])], [], 0.5), "found: expected detections for each of 1 images, got 0"),
        (([objects([BOX])], [detections([BOX], [1.0])], 0), "iou: expected more than 0, at most 1, got 0"),
        (
            ([objects([BOX])], [detections([BOX], [1.0], classes=("x",))], 0.5),
            "image0: expected the classes thing, got x",
        ),
        (([objects([BOX])], [detections([BOX], [math.nan])], 0.5), "image0: expected finite boxes and scores"),
        (([objects([BOX])], [detections([(0, 0, math.inf, 5)], [1.0])], 0.5), "image0: expected finite boxes"),
    ],
)
def test_bad_arguments(arguments: tuple[list[Objects], list[Detections], float], complaint: str) -> None:
    truth, found, iou = arguments
    with pytest.raises(ValueError, match=complaint):
        evaluate_detections(images(truth), found, iou)


def test_wrong_shapes_and_labels() -> None:
    box, score = np.zeros((1, 4), np.float32), np.zeros(1, np.float32)
    with pytest.raises(ValueError, match=r"detections: expected boxes \[K, 4\]"):
        Detections(box, score, np.zeros(2, np.int64), ONE)
    with pytest.raises(ValueError, match=r"labels: expected 0 to 0, got \[1\]"):
        Detections(box, score, np.ones(1, np.int64), ONE)
    with pytest.raises(ValueError, match=r"objects: expected boxes \[G, 4\]"):
        Objects(box, np.zeros(2, np.int64), np.zeros(2, np.bool_))
