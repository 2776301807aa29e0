"""The faults that `cuda_mutants.py` plants in the CUDA sources: each a small slip that still compiles."""

from __future__ import annotations

from faults import backward, forward_resident, forward_tables, placing, shared
from faults.fault import Fault

__all__ = ["FAULTS", "Fault"]

FAULTS: list[Fault] = [
    fault for part in (forward_resident, forward_tables, placing, backward, shared) for fault in part.FAULTS
]
