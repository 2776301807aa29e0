from __future__ import annotations

from typing import Any

import pytest
import torch

from abi.comparison import compare
from abi.digests import digest, digests

OLD: dict[str, Any] = {"torch": "2.11.0", "binary": "_C.so 1234", "digests": {"pooled": "ab", "gradients": "cd"}}


def test_equal_reports_differ_in_nothing() -> None:
    assert compare(OLD, {**OLD, "torch": "2.14.1"}) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"torch": "2.11.0"}, "nothing was compared"),
        ({"binary": "_C.so 5678"}, "different binaries"),
        ({"digests": {"pooled": "ab", "gradients": "ce"}}, "gradients differs"),
        ({"digests": {"pooled": "ab"}}, "gradients differs"),
        ({"digests": {**OLD["digests"], "batched": "ef"}}, "batched differs"),
    ],
)
def test_what_differs_is_named(change: dict[str, Any], complaint: str) -> None:
    (line,) = compare(OLD, {**OLD, "torch": "2.14.1", **change})
    assert complaint in line


def test_digests_are_of_bits_types_and_shapes() -> None:
    zero = torch.zeros(2, 3)
    different = [zero, -zero, zero.half(), zero.T, zero.flatten(), zero[:1], zero + 1e-45]
    assert len({digest([each]) for each in different}) == len(different)
    assert digest([zero.T.contiguous().T]) == digest([zero])


def test_random_calls_give_the_same_digests_again() -> None:
    found = digests(0, 2)
    assert found == digests(0, 2)
    assert {name.split(", ")[2] for name in found} >= {"pooled", "with indices", "gradients", "second order"}
