"""The CUDA sources of forward, run on the host, against the rules."""

from __future__ import annotations

import cuda_rules as rules
import numpy as np
import pytest
from cuda_cases import HOST, INDICES, LEVELS, TYPES, Case, cases, check_forward, encode
from hypothesis import given


@given(cases())
def test_any_call(case: Case) -> None:
    check_forward(case)
