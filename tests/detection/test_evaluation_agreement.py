"""Average precision beside others' figures: a published example, a plain second implementation, pycocotools."""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import numpy as np
import pytest
from evaluated import ONE, detections, images, objects
from hypothesis import given

from spp_ops.datasets.detection import Objects
from spp_ops.detection.detections import Detections
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.evaluation.voc_ap import precision_recall

# The worked example of Padilla, Netto and da Silva, A survey on performance metrics for object-detection algorithms,
# 2020, also at github.com/rafaelpadilla/Object-Detection-Metrics: seven images; (x, y, x2 - x, y2 - y) of objects,
# and of detections after their scores. At an IoU of 0.3 the average precision is 26.84 % (11 points) and 24.56 %
# (all points, from summands cut to four places).
PUBLISHED = [
    ([(25, 16, 38, 56), (129, 123, 41, 62)], [(0.88, 5, 67, 31, 48), (0.70, 119, 111, 40, 67), (0.80, 124, 9, 49, 67)]),
    (
        [(123, 11, 43, 55), (38, 132, 59, 45)],
        [(0.71, 64, 111, 64, 58), (0.54, 26, 140, 60, 47), (0.74, 19, 18, 43, 35)],
    ),
    (
        [(16, 14, 35, 48), (123, 30, 49, 44), (99, 139, 47, 47)],
        [
            (0.18, 109, 15, 77, 39),
            (0.67, 86, 63, 46, 45),
            (0.38, 160, 62, 36, 53),
            (0.91, 105, 131, 47, 47),
            (0.44, 18, 148, 40, 44),
        ],
    ),
    (
        [(53, 42, 40, 52), (154, 43, 31, 34)],
        [(0.35, 83, 28, 28, 26), (0.78, 28, 68, 42, 67), (0.45, 87, 89, 25, 39), (0.14, 10, 155, 60, 26)],
    ),
    (
        [(59, 31, 44, 51), (48, 128, 34, 52)],
        [(0.62, 50, 38, 28, 46), (0.44, 95, 11, 53, 28), (0.95, 29, 131, 72, 29), (0.23, 29, 163, 72, 29)],
    ),
    ([(36, 89, 52, 76), (62, 58, 44, 67)], [(0.45, 43, 48, 74, 38), (0.84, 17, 155, 29, 35), (0.43, 95, 110, 25, 42)]),
    ([(28, 31, 55, 63), (58, 67, 50, 58)], [(0.48, 16, 20, 101, 88), (0.95, 33, 116, 37, 49)]),
]


def test_a_published_example() -> None:
    truth = [objects([(x, y, x + w, y + h) for x, y, w, h in there]) for there, _ in PUBLISHED]
    found = [
        detections([(x, y, x + w, y + h) for _, x, y, w, h in rows], [row[0] for row in rows]) for _, rows in PUBLISHED
    ]
    evaluation = evaluate_detections(images(truth), found, iou=0.3)
    curve = evaluation.curves[0]
    assert curve.positives == 15
    assert curve.hits.tolist() == [1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7]
    assert evaluation.eleven_point == pytest.approx(0.2684, abs=5e-5)
    assert evaluation.all_points == pytest.approx(0.2456, abs=1e-4)


# Random scenes: few scores, so that ties are common; boxes on a coarse grid, so that overlaps are.


@st.composite
def boxes_on_a_grid(draw: st.DrawFn) -> tuple[int, int, int, int]:
    x, y, width, height = (draw(st.integers(0, 4)) * 5 for _ in range(4))
    return x, y, x + width + 4, y + height + 4


@st.composite
def scenes(draw: st.DrawFn) -> list[tuple[list[tuple[tuple[int, ...], bool]], list[tuple[tuple[int, ...], float]]]]:
    there = st.lists(st.tuples(boxes_on_a_grid(), st.booleans()), max_size=4)
    found = st.lists(st.tuples(boxes_on_a_grid(), st.sampled_from([0.25, 0.5, 0.75, 1.0])), max_size=6)
    return draw(st.lists(st.tuples(there, found), min_size=1, max_size=4))


def overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """By counting pixels."""
    pixels = [{(x, y) for x in range(b[0], b[2] + 1) for y in range(b[1], b[3] + 1)} for b in (first, second)]
    return len(pixels[0] & pixels[1]) / len(pixels[0] | pixels[1])


def devkit(scene: Sequence[tuple], iou: float) -> tuple[float, float]:
    """VOCevaldet's way, one detection after the other. Returns both average precisions."""
    rows = [(score, image, box) for image, (_, found) in enumerate(scene) for box, score in found]
    rows.sort(key=lambda row: -row[0])
    taken: set[tuple[int, int]] = set()
    positives = sum(not difficult for there, _ in scene for _, difficult in there)
    right, wrong, points = 0, 0, []
    for _, image, box in rows:
        there = scene[image][0]
        best, nearest = -1.0, -1
        for number, (other, _) in enumerate(there):
            if overlap(box, other) > best:
                best, nearest = overlap(box, other), number
        if best >= iou:
            if there[nearest][1]:
                continue
            wrong += (image, nearest) in taken
            right += (image, nearest) not in taken
            taken.add((image, nearest))
        else:
            wrong += 1
        points.append((right / positives if positives else 0, right / (right + wrong)))
    if not positives:
        return math.nan, math.nan
    eleven = sum(max((p for r, p in points if r >= step / 10 - 1e-12), default=0) for step in range(11)) / 11
    area, last = 0.0, 0.0
    for row, (recall, _) in enumerate(points):
        area += (recall - last) * max(p for _, p in points[row:])
        last = recall
    return eleven, area


def arranged(scene: Sequence[tuple]) -> tuple[list[Objects], list[Detections]]:
    truth = [
        objects([box for box, _ in there], difficult=[row for row, (_, hard) in enumerate(there) if hard])
        for there, _ in scene
    ]
    return truth, [detections([box for box, _ in found], [score for _, score in found]) for _, found in scene]


@given(scene=scenes(), iou=st.sampled_from([0.25, 0.5, 0.7, 1.0]))
def test_a_second_implementation_agrees(scene: list[tuple], iou: float) -> None:
    curve = precision_recall(*arranged(scene), label=0, iou=iou)
    eleven, area = devkit(scene, iou)
    assert curve.eleven_point == pytest.approx(eleven, nan_ok=True)
    assert curve.all_points == pytest.approx(area, nan_ok=True)
    assert np.all(np.diff(curve.recall) >= 0) or not curve.positives
    assert np.all(np.diff(curve.scores) <= 0)


@given(scene=scenes())
def test_wrong_detections_of_low_scores_change_no_average_precision(scene: list[tuple]) -> None:
    truth, found = arranged(scene)
    more = [
        detections([*rows.boxes.tolist(), (90, 90, 95, 95)], [*rows.scores.tolist(), 0.125], classes=ONE)
        for rows in found
    ]
    before, after = precision_recall(truth, found, 0), precision_recall(truth, more, 0)
    assert after.eleven_point == pytest.approx(before.eleven_point, nan_ok=True)
    assert after.all_points == pytest.approx(before.all_points, nan_ok=True)


def test_pycocotools_agrees_where_the_rules_are_the_same() -> None:
    # Far-apart objects, no difficult ones: both match alike, and differ by the 101 steps of recall alone.
    random = np.random.default_rng(3)
    cells = np.stack(np.meshgrid(np.arange(5), np.arange(5)), -1).reshape(-1, 2) * 60
    truth, found = [], []
    for _ in range(30):
        places = random.permutation(cells)[:14]
        sizes = random.integers(16, 48, (14, 2))
        boxes = np.concatenate([places, places + sizes - 1], 1)
        labels = random.integers(0, 2, 14)
        truth.append(objects(boxes[:8].tolist(), labels=labels[:8].tolist()))
        moved = boxes[4:] + random.integers(-6, 7, (10, 4))
        scores = random.permutation(1000)[:10] / 1000 + np.where(np.arange(10) < 4, 0.4, 0)
        found.append(detections(moved.tolist(), scores.tolist(), labels[4:].tolist(), ("a", "b")))
    evaluation = evaluate_detections(images(truth, ("a", "b")), found)
    assert 0.1 < evaluation.all_points < 0.9
    assert evaluation.coco.ap50 == pytest.approx(evaluation.all_points, abs=0.01)
