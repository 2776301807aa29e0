"""The CUDA kernels compile for a GPU, none of them spills registers, and the page about them is true."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from types import ModuleType
from typing import Any

import cuda_host_build
import pytest

ARCH = 90  # one architecture: `python -m benchmarks.kernel_resources` does them all

needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")

REPORT = """\
ptxas info    : Compiling entry function '_Z4slowv' for 'sm_90'
ptxas info    : Function properties for _Z4slowv
    24 bytes stack frame, 32 bytes spill stores, 36 bytes spill loads
ptxas info    : Used 72 registers, used 1 barriers
"""


@pytest.fixture(scope="module")
def resources() -> ModuleType:
    path = cuda_host_build.ROOT / "benchmarks" / "kernel_resources.py"
    spec = importlib.util.spec_from_file_location("kernel_resources", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kernel_resources"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kernels(resources: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    found: list[Any] = resources.compile_kernels(ARCH, tmp_path_factory.mktemp("cubins"))
    return found


def test_reads_what_ptxas_says(resources: ModuleType) -> None:
    (kernel,) = resources.parse(REPORT)
    assert (kernel.registers, kernel.spilled) == (72, 32)
    with pytest.raises(RuntimeError, match="ptxas says nothing of _Z4slowv"):
        list(resources.parse(REPORT.split("Function properties", maxsplit=1)[0]))


@needs_nvcc
def test_no_kernel_spills(kernels: list[Any]) -> None:
    assert len(kernels) > 40  # every type with every index type
    assert [kernel for kernel in kernels if kernel.spilled] == []


@needs_nvcc
def test_the_page_says_what_the_compiler_says(resources: ModuleType, kernels: list[Any]) -> None:
    page = (cuda_host_build.ROOT / "docs" / "kernels_cuda.md").read_text(encoding="utf-8").partition(resources.BEGIN)[2]
    page = page.partition("Instructions in the loops")[0]
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert [row[0].strip("`") for row in rows] == [kernel.name for kernel in kernels]
    blocks = resources.blocks()
    assert [row[1] for row in rows] == [str(resources.block_of(kernel.name, blocks).threads) for kernel in kernels]
    if resources.release() not in page:
        pytest.skip(f"the page was made by another release than nvcc {resources.release()}")
    column = 3 + resources.ARCHS.index(ARCH)
    assert [row[column].split(",")[0] for row in rows] == [str(kernel.registers) for kernel in kernels]


@pytest.mark.parametrize(
    ("registers", "threads", "shared", "arch", "warps"),
    [
        (32, 256, 0, 90, 64),  # as many as there can be
        (64, 512, 17_808, 90, 32),  # registers: 16 warps a block, 8 a quarter
        (65, 512, 17_808, 90, 16),
        (80, 64, 27_200, 90, 16),  # shared memory: 8 blocks
        (80, 64, 27_200, 80, 10),
        (56, 512, 226_640, 120, 0),  # more shared memory than there is
        (56, 512, 1_024, 120, 32),  # 48 warps hold two blocks of 16, by registers
        (32, 32, 0, 90, 32),  # blocks
    ],
)
def test_warps_of_a_multiprocessor(
    resources: ModuleType, registers: int, threads: int, shared: int, arch: int, warps: int
) -> None:
    assert resources.Kernel("k", registers, 0).warps(arch, resources.Block(threads, shared)) == warps
