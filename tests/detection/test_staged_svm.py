"""The SVMs of the staged pipeline: their solution, their negatives, and how hard ones are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from spp_ops.detection.staged import SVMs, TrainingSample, svm
from spp_ops.detection.staged.mining import Miner
from spp_ops.detection.staged.negatives import Negatives, without_repeats
from spp_ops.detection.staged.svm import fit_svm

CONFIG = SVMs(c=0.05, retrain_after=20)


def two_clouds(size: int, positives: int = 12, negatives: int = 30) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(positives + negatives, size, generator=generator)
    rows[:positives] += 1.0 / size**0.5
    return rows[:positives], rows[positives:]


def test_a_plane_that_has_not_settled_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "_ITERATIONS", 1)
    with pytest.warns(RuntimeWarning, match="^c: an SVM with C = 0.05 had not settled after 1 passes"):
        fit_svm(*two_clouds(6), CONFIG, seed=0)


@pytest.mark.parametrize("size", [6, 100])  # fewer and more features than rows
def test_the_plane_is_that_of_an_independent_solver(size: int) -> None:
    positives, negatives = two_clouds(size)
    plane = fit_svm(positives, negatives, CONFIG, seed=0)
    # The dual problem: bounds alone, as the bias is the weight of one more feature.
    rows = torch.cat([positives, negatives]).double().numpy()
    rows = np.concatenate([rows, np.full((len(rows), 1), CONFIG.bias_multiplier)], axis=1)
    signs = np.repeat([1.0, -1.0], [len(positives), len(negatives)])
    signed = signs[:, None] * rows
    bounds = [(0, CONFIG.c * (CONFIG.positive_weight if sign > 0 else 1)) for sign in signs]

    def dual(shares: np.ndarray) -> tuple[float, np.ndarray]:
        weight = signed.T @ shares
        return 0.5 * weight @ weight - shares.sum(), signed @ weight - 1

    solved = minimize(dual, np.zeros(len(rows)), jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14})
    weight = signed.T @ solved.x
    np.testing.assert_allclose(plane.weight.numpy(), weight[:-1], atol=2e-3 * np.abs(weight).max())
    assert plane.bias == pytest.approx(weight[-1] * CONFIG.bias_multiplier, abs=2e-3)


def test_equal_rows_are_no_obstacle() -> None:
    positives, negatives = two_clouds(100)
    plane = fit_svm(positives, negatives.repeat(2, 1), CONFIG, seed=0)
    doubled = fit_svm(positives, negatives, replace(CONFIG, c=2 * CONFIG.c, positive_weight=1.0), seed=0)
    torch.testing.assert_close(plane.weight, doubled.weight, atol=2e-3, rtol=0)


def test_negatives_are_held_once_and_may_come_back() -> None:
    negatives = Negatives(2, [4, 3])
    negatives.add(1, torch.tensor([2, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    negatives.add(0, torch.tensor([3]), torch.tensor([[5.0, 6.0]]))
    assert negatives.added == len(negatives) == 3
    assert negatives.held(1).tolist() == [True, False, True]
    negatives.keep(torch.tensor([False, True, True]))
    assert negatives.rows.tolist() == [[3.0, 4.0], [5.0, 6.0]]
    assert negatives.held(1).tolist() == [True, False, False]
    assert negatives.held(0).tolist() == [False, False, False, True]


def test_repeats() -> None:
    windows = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 8], [20, 20, 29, 29], [0, 0, 9, 4]])
    rows = torch.tensor([[1.0, 2], [3, 4], [1, 2], [5, 6]])
    scores = torch.tensor([0.1, 0.4, 0.3, 0.2])
    assert without_repeats(windows, rows, scores, "keep").tolist() == [1, 2, 3, 0]
    assert without_repeats(windows, rows, scores, "same cells").tolist() == [1, 2, 3]
    assert without_repeats(windows, rows, scores, "overlapping").tolist() == [1, 2, 3]  # 0.9, but not 0.5
    nothing = torch.empty(0, dtype=torch.int64)
    for rule in ("keep", "same cells", "overlapping"):
        assert len(without_repeats(windows[nothing], rows[nothing], scores[nothing], rule)) == 0  # type: ignore[arg-type]


class Rows:
    """Easy windows have a second feature that objects lack, the more the further right they are; hard ones do not."""

    size = 3

    def __init__(self, hard: set[tuple[int, int]]) -> None:
        self._hard = hard

    def rows(self, image: int, windows: Tensor) -> Tensor:
        is_object = windows[:, 2] - windows[:, 0] == 9
        looks = torch.tensor([(image, int(x)) in self._hard for x in windows[:, 0]]).float()
        unlike = torch.where(is_object, 0.0, (1 - looks) * (1 + 0.1 * windows[:, 0] + image))
        return torch.stack([torch.where(is_object, 1.0, 0.8 * looks), unlike, torch.ones(len(windows))], dim=1) * 10


def image(windows: int = 10, difficult: bool = False) -> TrainingSample:
    """One object 10 pixels wide at 200, windows 20 pixels wide at 0, 1, ..., far from it."""
    left = torch.arange(windows).float()
    others = torch.stack([left, left * 0, left + 19, left * 0 + 19], dim=1)
    objects = torch.tensor([[200.0, 0, 209, 9]])
    return TrainingSample(
        Path("none"),
        False,
        torch.cat([objects, others]),
        objects,
        torch.tensor([0]),
        torch.tensor([difficult]),
        num_classes=1,
    )


def test_hard_negatives_of_later_images_are_added_and_change_the_plane() -> None:
    images = [image() for _ in range(4)]
    config = SVMs(c=100.0, feature_norm=1.0, repeats="keep", retrain_after=2)

    def mined(hard: set[tuple[int, int]]) -> tuple[Miner, Tensor]:
        source = Rows(hard)
        miner = Miner(source, images, 0.1, config, seed=0)
        planes = miner.train()
        looks_hard = torch.tensor([[8.0, 0, 10]])
        return miner, (looks_hard * planes.scale) @ planes.weight[0] + planes.bias[0]

    easy, before = mined(set())
    assert easy.records[0].added == 10  # those of the first image
    miner, after = mined({(1, 3), (1, 4), (1, 5), (3, 7)})
    record = miner.records[0]
    assert record.positives == 4
    assert record.added >= 14
    assert record.fits == 3  # of the first image, after more than two were added, at the end
    assert after < before - 0.5


def test_windows_on_difficult_objects_teach_nothing() -> None:
    images = [image(), image(difficult=True)]
    miner = Miner(Rows({(1, 0)}), images, 0.1, SVMs(c=1.0, repeats="keep"), seed=0)
    miner.train()
    assert miner.records[0].positives == 1
    assert not images[1].sure_ious.any()
    assert images[1].ious[0, 0] == 1


def test_rows_that_are_sums_of_others_are_no_obstacle() -> None:
    generator = torch.Generator().manual_seed(3)
    basis = torch.rand(3, 400, generator=generator)
    rows = torch.rand(200, 3, generator=generator) @ basis  # 200 rows in three dimensions, 400 features
    rows[:80] += basis[0]
    rows *= 20 / rows.norm(dim=1).mean()
    plane = fit_svm(rows[:80], rows[80:], SVMs(c=0.01), seed=0)
    scores = rows @ plane.weight + plane.bias
    assert scores[:80].mean() > scores[80:].mean() + 1
