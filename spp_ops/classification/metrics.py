"""Average precision of a class's decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spp_ops.classification.transfer import Decisions, Tags


def eleven_point_precision(truth: npt.NDArray[np.bool_], decisions: npt.NDArray[np.float64]) -> float:
    """Return Pascal VOC 2007's average precision: the mean of the best precision at recalls from 0, 0.1, ... 1 on."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(truth, decisions)
    steps = np.linspace(0, 1, 11)
    # A recall of 0.3 may be stored a hair below the 0.3 of the steps.
    return float(np.mean([precision[:-1][recall[:-1] >= step - 1e-9].max() for step in steps]))


def tagged_results(tags: Tags, decisions: Decisions, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return each class's average precision and their means, in percent; a class that no image shows is left out."""
    from sklearn.metrics import average_precision_score

    eleven, area = {}, {}
    for name, column, scores in zip(classes, tags.T, decisions.T, strict=True):
        counts = column != 0
        truth = column[counts] == 1
        if truth.any():
            eleven[name] = 100 * eleven_point_precision(truth, scores[counts])
            area[name] = 100 * float(average_precision_score(truth, scores[counts]))
    return {
        "mean_ap_11_point_percent": float(np.mean(list(eleven.values()))),
        "mean_ap_area_percent": float(np.mean(list(area.values()))),
        "ap_11_point_percent": eleven,
    }


def mean_class_accuracy(labels: npt.NDArray[np.int64], decisions: Decisions) -> float:
    """Return the mean over classes of the share of their rows that are found, in percent."""
    from sklearn.metrics import balanced_accuracy_score

    return float(100 * balanced_accuracy_score(labels, decisions.argmax(axis=1)))
