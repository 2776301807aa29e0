"""Hold the objects of one file against those of another: the same labels, scores and boxes."""

from __future__ import annotations

import sys

import numpy as np

found, expected = (np.loadtxt(path, ndmin=2) for path in sys.argv[1:])
assert len(found) == len(expected) > 0, f"{len(found)} objects, expected {len(expected)}"
np.testing.assert_array_equal(found[:, 0], expected[:, 0])
np.testing.assert_allclose(found[:, 1], expected[:, 1], rtol=0, atol=1e-4)
np.testing.assert_allclose(found[:, 2:], expected[:, 2:], rtol=0, atol=1e-3)
print(f"{len(found)} objects, as in Python")
