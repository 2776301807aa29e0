"""The CUDA sources compile for AMD GPUs, in wavefronts of 64 and 32, without register spills. They have never run."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import cuda_host_build
import pytest

needs_hipcc = pytest.mark.skipif(shutil.which("hipcc") is None, reason="needs hipcc")
FLAGS = ("-x", "hip", "-std=c++20", "-O3", "-ffp-contract=off", "-Rpass-analysis=kernel-resource-usage")
ARCHS = ("gfx90a", "gfx1030")  # wavefronts of 64, and of 32
QUICK = ("gather.cu", "spans.cu")
SLOW = ("backward.cu", "forward.cu")


def compile_for(arch: str, source: str, folder: Path) -> str:
    """What hipcc says of the resources of each kernel."""
    command = ["hipcc", *FLAGS, f"--offload-arch={arch}", "-c", str(cuda_host_build.KERNELS / source)]
    done = subprocess.run([*command, "-o", str(folder / "object")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stderr


@needs_hipcc
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("source", [*QUICK, *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW)])
def test_compiles_for_amd_without_spills(source: str, arch: str, tmp_path: Path) -> None:
    spills = re.findall(r"VGPRs Spill: (\d+)", compile_for(arch, source, tmp_path))
    assert spills
    assert set(spills) == {"0"}


def test_every_source_is_compiled() -> None:
    assert sorted([*QUICK, *SLOW]) == sorted(path.name for path in cuda_host_build.KERNELS.glob("*.cu"))
