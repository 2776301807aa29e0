"""What an exported detector must give, beside what the detector gives."""

from __future__ import annotations

import numpy as np

from spp_ops.detection.detections import Detections

PIXELS, SCORES = 1e-3, 1e-4


def assert_same_objects(found: Detections, expected: Detections) -> None:
    """The same objects, each within a thousandth of a pixel; those whose scores are equal in any order."""
    assert len(found) == len(expected)
    assert (np.diff(found.scores) <= 0).all()
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=SCORES)
    left = list(range(len(found)))
    for box, score, label in zip(expected.boxes, expected.scores, expected.labels, strict=True):
        fits = [
            row
            for row in left
            if found.labels[row] == label
            and abs(found.scores[row] - score) <= SCORES
            and np.abs(found.boxes[row] - box).max() <= PIXELS
        ]
        assert fits, f"nothing like {box} of class {label} with score {score}"
        left.remove(fits[0])
