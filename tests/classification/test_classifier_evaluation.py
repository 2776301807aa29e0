"""Errors, accuracies and average precisions against their definitions; the paper's rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_networks import small_net

from spp_ops.classification import Evaluation, NetworkConfig, TrainingConfig, ViewScorer, evaluate, make_views
from spp_ops.classification.evaluation import Images
from spp_ops.classification.metrics import eleven_point_precision, mean_class_accuracy, tagged_results
from spp_ops.classification.paper import ROWS, rows_for
from spp_ops.datasets.folders import read_folders
from spp_ops.engine.distributed import make_fabric

SCORES = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1], [0.2, 0.3, 0.5]], dtype=np.float32)


def test_errors_and_accuracies() -> None:
    evaluation = Evaluation(SCORES, np.array([0, 2, 0, 0]), ("a", "b", "c"))
    assert evaluation.error() == 50
    assert evaluation.error(2) == 25
    assert evaluation.error(3) == 0
    assert evaluation.class_accuracies() == {"a": pytest.approx(100 / 3), "c": 100}
    assert evaluation.as_data()["mean_class_accuracy_percent"] == pytest.approx((100 + 100 / 3) / 2)
    assert evaluation.as_data()["top5_error_percent"] is None


def test_evaluation_averages_the_views_of_each_image(images: Path) -> None:
    listed = read_folders(images / "val")
    scorer = ViewScorer(small_net(), make_views("10", 40))
    evaluation = evaluate(scorer, listed, make_fabric(torch.device("cpu")))
    for row, image in (Images(listed.paths, range(len(listed)))[i] for i in range(len(listed))):
        np.testing.assert_allclose(evaluation.scores[row], scorer(image).mean(dim=0), rtol=1e-6)
    assert evaluation.labels.tolist() == list(listed.labels)


def eleven_points_by_definition(truth: npt.NDArray[np.bool_], decisions: npt.NDArray[np.float64]) -> float:
    """At each cut of the ranking precision and recall; at each recall step the best precision from there on."""
    points = []
    for cut in np.unique(decisions):
        found = truth[decisions >= cut]
        points.append((int(found.sum()), found.mean()))
    best = [max((p for hits, p in points if 10 * hits >= step * truth.sum()), default=0.0) for step in range(11)]
    return float(np.mean(best))


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=1, max_size=40))
def test_eleven_point_precision(rows: list[tuple[bool, int]]) -> None:
    truth = np.array([True, *(positive for positive, _ in rows)])
    decisions = np.array([0.5, *(decision for _, decision in rows)])
    assert eleven_point_precision(truth, decisions) == pytest.approx(eleven_points_by_definition(truth, decisions))


def test_images_that_do_not_count_for_a_class_are_left_out() -> None:
    tags = np.array([[1, -1], [-1, -1], [0, -1]], dtype=np.int8)
    results = tagged_results(tags, np.array([[1.0, 0], [0.0, 0], [5.0, 0]]), ("seen", "never seen"))
    assert results["ap_11_point_percent"] == {"seen": 100}
    assert results["mean_ap_11_point_percent"] == results["mean_ap_area_percent"] == 100


def test_mean_class_accuracy_counts_classes_alike() -> None:
    labels = np.array([0, 0, 0, 1])
    decisions = np.array([[1.0, 0], [1, 0], [1, 0], [1, 0]])
    assert mean_class_accuracy(labels, decisions) == 50


def test_the_papers_rows_are_those_of_the_same_setting() -> None:
    multi = TrainingConfig(sizes=(224, 180))
    (row,) = rows_for(NetworkConfig("zf5"), multi, make_views("10"))
    assert (row.top1, row.top5) == (34.60, 13.64)
    (row,) = rows_for(NetworkConfig("zf5", None), TrainingConfig(), make_views("10"))
    assert (row.top1, row.top5) == (35.99, 14.76)
    assert {row.arch for row in rows_for(NetworkConfig("resnet18"), multi, make_views("full"))} == {"zf5", "overfeat7"}
    assert len(set(ROWS)) == len(ROWS) == 21
