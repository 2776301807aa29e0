"""The faults of `make mutants` can be planted: each stands, once, where its list says."""

from __future__ import annotations

from collections import Counter

import cuda_host_build
import pytest
from faults import FAULTS, Fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.file}: {fault.name}")
def test_a_fault_can_be_planted(fault: Fault) -> None:
    sound = (cuda_host_build.ROOT / "csrc" / "kernels" / fault.file).read_text(encoding="utf-8")
    assert fault.planted(sound) != sound


def test_faults_have_names_of_their_own() -> None:
    assert max(Counter((fault.file, fault.name) for fault in FAULTS).values()) == 1


def test_what_does_not_stand_there_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"a\.h: a slip: 'x' stands there 2 times"):
        Fault("a.h", "a slip", "x", "y").planted("x x")
