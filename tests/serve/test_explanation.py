"""A window explained: held against the maps themselves, bin by bin."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spp_ops.datasets.image import load_image
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.features.regions import ProjectionRule
from spp_ops.serve.explain import Question, explain
from spp_ops.serve.page import SAMPLE
from spp_ops.serve.study import RULES, Study

BOXES = [
    (80.0, 40.0, 200.0, 180.0),
    (0.0, 0.0, 639.0, 426.0),
    (300.0, 200.0, 303.0, 203.0),
    (600.0, 400.0, 900.0, 700.0),
]


@pytest.fixture(scope="module")
def study(detector: SPPDetector) -> Study:
    return Study(detector, load_image(SAMPLE))


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("rule", RULES)
def test_winners_are_the_first_largest_cells_of_their_bins(
    study: Study, rule: ProjectionRule, box: tuple[float, float, float, float]
) -> None:
    channel = study.strongest_channel()
    answer = explain(study, Question(box, (6, 3, 1), rule, channel))
    plane = study.maps[answer["map"]][0, channel].numpy()
    x, y, width, height = answer["rules"][rule]
    for level in answer["levels"]:
        n = level["bins"]
        for bin, (cells, winner, value) in enumerate(
            zip(level["cells"], level["winners"], level["values"], strict=True)
        ):
            row, column = divmod(bin, n)
            left, right = x + column * width // n, x - (column + 1) * width // -n
            top, bottom = y + row * height // n, y - (row + 1) * height // -n
            left, right = np.clip([left, right], 0, plane.shape[1])
            top, bottom = np.clip([top, bottom], 0, plane.shape[0])
            assert cells == [left, top, right, bottom]
            inside = plane[top:bottom, left:right]
            if inside.size == 0:
                assert (winner, value) == (None, 0)
                continue
            first = np.unravel_index(inside.argmax(), inside.shape)
            assert tuple(winner) == (left + first[1], top + first[0])
            assert value == pytest.approx(inside.max(), abs=1e-4)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_takes_the_map_that_suits_the_window(study: Study, rule: ProjectionRule) -> None:
    side = study.detector.config.target_area**0.5
    for number, (scale, _) in enumerate(study.image_scales):
        box = (10.0, 10.0, 9 + side / scale, 9 + side / scale)
        assert explain(study, Question(box, (2,), rule, 0))["map"] == number


def test_the_detector_s_own_rule_gives_its_own_rows(study: Study, detector: SPPDetector) -> None:
    windows = study.windows[:5]
    rows = detector.features(study.pixels, windows)
    for row, box in zip(rows, windows.tolist(), strict=True):
        first = row[: 128 * 36].unflatten(0, (128, 36))
        for channel in (0, 77):
            answer = explain(study, Question(tuple(box), (6, 3, 2, 1), detector.config.projection, channel))
            torch.testing.assert_close(
                torch.tensor(answer["levels"][0]["values"]), first[channel].detach(), atol=1e-4, rtol=1e-4
            )


def test_of_all_channels_the_cell_that_wins_most_is_told(study: Study) -> None:
    question = Question(BOXES[0], (2,), "receptive_field", None)
    told = explain(study, question)["levels"][0]
    for bin in range(4):
        winners = []
        for channel in range(study.channels):
            each = explain(study, Question(BOXES[0], (2,), "receptive_field", channel))["levels"][0]
            winners.append(tuple(each["winners"][bin]))
        most = max(winners.count(cell) for cell in winners)
        assert winners.count(tuple(told["winners"][bin])) == most
        assert told["values"][bin] == pytest.approx(most / study.channels, abs=1e-4)


def test_places_are_where_cells_look(study: Study) -> None:
    answer = explain(study, Question(BOXES[0], (1,), "receptive_field", 0))
    place, cell = answer["levels"][0]["places"][0], answer["levels"][0]["winners"][0]
    field = study.detector.features.receptive_field
    scale = study.image_scales[answer["map"]]
    for axis in (0, 1):
        resized = (place[axis] + 0.5) * scale[axis] - 0.5
        assert resized == pytest.approx(field.center[axis] + cell[axis] * field.stride[axis], abs=0.05)
        assert answer["field"][axis] == pytest.approx(field.size[axis] / scale[axis], abs=0.01)
