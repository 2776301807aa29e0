"""A linear SVM in the authors' form: hinge loss, weighted positives, the bias a weight of a large constant feature."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spp_ops.detection.staged.config import SVMs

_TOLERANCE = 1e-3  # of the solver
_ITERATIONS = 10_000
_BLOCK = 256
_RIDGES = (1e-6, 9e-6, 9e-5, 9e-4)  # relative to the mean of the diagonal; added one after the other


class Plane(NamedTuple):
    """Scores are `rows @ weight + bias`."""

    weight: Tensor  # float32 [D]
    bias: float


def fit_svm(positives: Tensor, negatives: Tensor, config: SVMs, seed: int) -> Plane:
    """Fit one SVM by liblinear's dual coordinate descent.

    Args:
        positives: [P, D], P >= 1.
        negatives: [N, D], N >= 1.
        config: C, the weight of positives, the constant feature.
        seed: of the order in which the solver visits the rows.
    """
    rows = torch.cat([positives, negatives]).float()
    labels = np.repeat([1, -1], [len(positives), len(negatives)])
    if len(rows) >= rows.shape[1]:
        weight, bias = _solve(rows.numpy(), labels, config, seed)
        return Plane(torch.from_numpy(weight).float(), bias)
    # The weights are a sum of rows: it is enough to look for them in the space these span, which is much smaller.
    coordinates = _coordinates(rows)
    weight, bias = _solve(coordinates.numpy(), labels, config, seed)
    shares = torch.linalg.solve_triangular(coordinates.T, torch.from_numpy(weight)[:, None], upper=True)
    return Plane(rows.T @ shares[:, 0].float(), bias)


def _coordinates(rows: Tensor) -> Tensor:
    """Rows [n, D] -> rows [n, n], float64, of the same products with each other."""
    products = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for last in range(_BLOCK, len(rows) + _BLOCK, _BLOCK):  # on and below the diagonal: all that is read
        products[last - _BLOCK : last, :last] = rows[last - _BLOCK : last] @ rows[:last].T
    mean = float(products.diagonal().mean())
    # Rows of which one is a sum of others leave a singular matrix, and rounding one that is not even positive. A little
    # more on its diagonal, here 1e-6 of it, changes a score by at most that times `c` and the square of a row's norm.
    for ridge in _RIDGES:
        products.diagonal().add_(ridge * mean)
        factor: Tensor
        factor, failed = torch.linalg.cholesky_ex(products)
        if not failed:
            return factor
    raise ValueError("rows: expected finite numbers to fit an SVM to")


def _solve(
    rows: npt.NDArray[np.floating], labels: npt.NDArray[np.int64], config: SVMs, seed: int
) -> tuple[npt.NDArray[np.float64], float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    svm = LinearSVC(
        loss="hinge",
        C=config.c,
        intercept_scaling=config.bias_multiplier,
        class_weight={1: config.positive_weight, -1: 1.0},
        tol=_TOLERANCE,
        max_iter=_ITERATIONS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        svm.fit(rows, labels)
    if svm.n_iter_ >= _ITERATIONS:
        warnings.warn(
            f"c: an SVM with C = {config.c:g} had not settled after {_ITERATIONS} passes over its {len(rows)} rows; "
            "a smaller one settles sooner",
            RuntimeWarning,
            stacklevel=3,
        )
    return svm.coef_[0], float(svm.intercept_[0])
