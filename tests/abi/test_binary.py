"""That the tests around this one run the binary that `python -m tests.abi` has built."""

from __future__ import annotations

import os

import pytest

import spp_ops


def test_the_binary_is_the_one_that_was_built() -> None:
    expected = os.environ.get("SPP_OPS_BINARY")
    if expected is None:
        pytest.skip("no binary is named by SPP_OPS_BINARY")
    assert os.path.samefile(spp_ops._C.__file__, expected)
