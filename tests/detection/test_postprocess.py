"""From scores of windows to detections, against a plain loop."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.postprocess import postprocess

CONFIG = DetectorConfig(("a", "b"), score_threshold=0.2, nms_iou=0.3, most=3)
SIZE = 50, 60  # height, width


def plain(
    windows: Tensor, scores: Tensor, corrections: Tensor | None, config: DetectorConfig
) -> list[tuple[float, int, list[float]]]:
    """The definition, box by box."""
    found = []
    for label in range(scores.shape[1]):
        left = []
        for row in range(len(windows)):
            score = float(scores[row, label])
            if score < config.score_threshold:
                continue
            x1, y1, x2, y2 = windows[row].tolist()
            if corrections is not None:
                dx, dy, dw, dh = corrections[row, label].tolist()
                w, h = x2 - x1 + 1, y2 - y1 + 1
                cx, cy = x1 + (w - 1) / 2 + dx * w, y1 + (h - 1) / 2 + dy * h
                w, h = w * math.exp(dw), h * math.exp(dh)
                x1, y1, x2, y2 = cx - (w - 1) / 2, cy - (h - 1) / 2, cx + (w - 1) / 2, cy + (h - 1) / 2
            x2, y2 = max(x1, x2), max(y1, y2)
            box = [min(max(x1, 0), 59), min(max(y1, 0), 49), min(max(x2, 0), 59), min(max(y2, 0), 49)]
            left.append((score, label, box))
        kept: list[tuple[float, int, list[float]]] = []
        for candidate in sorted(left, key=lambda each: -each[0]):
            if all(overlap(candidate[2], better[2]) <= config.nms_iou for better in kept):
                kept.append(candidate)
        found += kept[: config.most]
    return sorted(found, key=lambda each: -each[0])


def overlap(one: list[float], other: list[float]) -> float:
    w = min(one[2], other[2]) - max(one[0], other[0]) + 1
    h = min(one[3], other[3]) - max(one[1], other[1]) + 1
    if w <= 0 or h <= 0:
        return 0.0
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (one, other)]
    return w * h / (sum(areas) - w * h)


def random_case(seed: int, boxes: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    generator = torch.Generator().manual_seed(seed)
    low = torch.randint(0, 40, (60, 2), generator=generator).float()
    windows = torch.cat([low, low + torch.randint(0, 30, (60, 2), generator=generator)], dim=1)
    scores = torch.rand(60, 2, generator=generator)
    return windows, scores, torch.randn(60, 2, 4, generator=generator) * 0.4 if boxes else None


@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_definition(seed: int, boxes: bool, device: torch.device) -> None:
    windows, scores, corrections = random_case(seed, boxes)
    expected = plain(windows, scores, corrections, CONFIG)
    moved = None if corrections is None else corrections.to(device)
    found = postprocess(windows.to(device), scores.to(device), moved, SIZE, CONFIG)
    assert found.classes == ("a", "b")
    assert [label for _, label, _ in expected] == found.labels.tolist()
    np.testing.assert_allclose(found.scores, [score for score, _, _ in expected], rtol=1e-6)
    np.testing.assert_allclose(found.boxes, [box for _, _, box in expected], atol=1e-3)
    assert len(found) > 3


def test_a_correction_moves_a_window_relative_to_its_own_extent() -> None:
    windows = torch.tensor([[10.0, 10, 19, 29]])
    corrections = torch.tensor([[[0.5, 0, 0, 0], [0, 0, 0, math.log(0.5)]]])
    found = postprocess(windows, torch.tensor([[0.9, 0.8]]), corrections, SIZE, CONFIG)
    np.testing.assert_allclose(found.boxes, [[15, 10, 24, 29], [10, 15, 19, 24]], atol=1e-4)


def test_classes_do_not_suppress_each_other() -> None:
    windows = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 10]])
    found = postprocess(windows, torch.tensor([[0.9, 0.1], [0.8, 0.7]]), None, SIZE, CONFIG)
    assert list(zip(found.labels.tolist(), found.boxes.tolist(), strict=True)) == [
        (0, [0, 0, 9, 9]),
        (1, [0, 0, 9, 10]),
    ]


def test_classes_suppress_each_other_where_they_are_told_to() -> None:
    windows = torch.tensor([[0.0, 0, 9, 9], [1, 0, 10, 9], [30, 30, 39, 39]])
    scores = torch.tensor([[0.9, 0.3], [0.1, 0.8], [0.25, 0.5]])
    agnostic = replace(CONFIG, class_agnostic_nms=True)
    found = postprocess(windows, scores, None, SIZE, agnostic)
    assert found.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(found.boxes, windows[[0, 2]].numpy())
    with pytest.raises(ValueError, match="class_agnostic_nms: expected true or false, got 1"):
        replace(CONFIG, class_agnostic_nms=1)  # type: ignore[arg-type]


def test_equal_scores_come_in_the_order_of_their_classes_and_windows() -> None:
    low = torch.arange(4.0)[:, None] * 12
    windows = torch.cat([low, torch.zeros(4, 1), low + 5, torch.full((4, 1), 5.0)], dim=1)
    found = postprocess(windows, torch.full((4, 2), 0.5), None, SIZE, CONFIG)
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.boxes[:, 0].tolist() == [0, 12, 24, 0, 12, 24]


def test_margins_may_be_negative() -> None:
    config = replace(CONFIG, score="margin", score_threshold=-1.0)
    found = postprocess(torch.tensor([[0.0, 0, 9, 9]]), torch.tensor([[-0.5, -1.5]]), None, SIZE, config)
    assert found.scores.tolist() == [-0.5]


def test_nothing_found() -> None:
    windows, scores, corrections = random_case(0, True)
    assert len(postprocess(windows, scores * 0, corrections, SIZE, CONFIG)) == 0
    empty = postprocess(windows[:0], scores[:0], None, SIZE, CONFIG)
    assert isinstance(empty, Detections)
    assert empty.boxes.shape == (0, 4)


def test_a_correction_never_leaves_less_than_a_pixel_or_leaves_the_image() -> None:
    windows = torch.tensor([[58.0, 48, 59, 49], [0, 0, 59, 49]])
    corrections = torch.tensor([[[5.0, 5, -9, -9]] * 2, [[0.0, 0, 99, 99]] * 2])
    boxes = postprocess(windows, torch.ones(2, 2), corrections, SIZE, CONFIG).boxes
    assert (boxes[:, :2] <= boxes[:, 2:]).all()
    assert (boxes >= 0).all()
    assert (boxes <= [59, 49, 59, 49]).all()
