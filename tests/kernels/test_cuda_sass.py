"""Counting in machine code: loops, loads under way, and that no kernel's counts get worse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cuda_host_build
import pytest

from benchmarks import kernel_resources, kernel_sass

ARCH = 90
RECORD = cuda_host_build.ROOT / "benchmarks" / "results" / "kernel_counts.json"
LISTING = """\
		Function : _Z4slowPf
	.headerflags	@"EF_CUDA_SM90"
        /*0000*/                   LDC R1, c[0x0][0x28] ;            /* 0x00000a00ff017b82 */
                                                                     /* 0x000fe20000000800 */
        /*0010*/                   LDG.E.64 R4, desc[UR4][R2.64] ;   /* 0x0 */
        /*0020*/                   LDG.E R8, desc[UR4][R2.64+0x8] ;  /* 0x0 */
        /*0030*/                   IADD3 R9, R5, R9, RZ ;            /* 0x0 */
        /*0040*/                   LDS R10, [R9] ;                   /* 0x0 */
        /*0050*/              @!P0 BRA 0x40 ;                        /* 0x0 */
        /*0060*/                   STG.E desc[UR4][R2.64], R8 ;      /* 0x0 */
        /*0070*/               @P1 BRA 0x10 ;                        /* 0x0 */
        /*0080*/                   IADD3 R9, R5, R9, RZ ;            /* 0x0 */
        /*0090*/               @P1 BRA 0x80 ;                        /* 0x0 */
"""

needs_tools = pytest.mark.skipif(
    shutil.which("nvcc") is None or kernel_sass.cuobjdump() is None, reason="needs nvcc and cuobjdump"
)


def test_finds_loops_and_what_they_load() -> None:
    ((name, code),) = kernel_sass.parse(LISTING)
    assert (name, len(code)) == ("_Z4slowPf", 10)
    inner, outer = kernel_sass.loops(code)  # the third touches no memory
    assert inner == kernel_sass.Loop(2, 0, 0, 1, 0, 0, 0)
    assert outer == kernel_sass.Loop(5, 2, 2, 0, 0, 0, 1)


def test_a_load_is_under_way_until_its_result_is_read() -> None:
    ((_, code),) = kernel_sass.parse(LISTING.replace("LDG.E R8, desc[UR4][R2.64+0x8]", "LDG.E R8, desc[UR4][R4.64]"))
    assert kernel_sass.under_way(code) == 1


@needs_tools
@pytest.mark.slow
def test_no_count_gets_worse(tmp_path: Path) -> None:
    """More instructions in a kernel's loops, or fewer loads under way, than in the record of the same compiler."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    if record["nvcc"] != kernel_resources.release():
        pytest.skip(f"the record is of nvcc {record['nvcc']}")
    counted = kernel_resources.count_loops(ARCH, tmp_path)
    assert set(counted) == set(record["counts"][str(ARCH)])
    worse = []
    for kernel, now in counted.items():
        before = record["counts"][str(ARCH)][kernel]
        if now["instructions"] > before["instructions"]:
            worse.append(f"{kernel}: {now['instructions']} instructions, {before['instructions']} before")
        if now["under_way"] < before["under_way"]:
            worse.append(f"{kernel}: {now['under_way']} loads under way, {before['under_way']} before")
    assert worse == []
