"""The CPU kernels on Arm: cross-compiled, and run by an emulator where there are both (Debian: g++-aarch64-linux-gnu
and qemu-user)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = "qemu-aarch64"
FLAGS = ["-std=c++20", "-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-static", "-pthread"]


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which(COMPILER) and shutil.which(EMULATOR)), reason="no Arm compiler or emulator")
def test_kernels_on_arm(tmp_path: Path) -> None:
    program = tmp_path / "arm_check"
    sources = [*sorted((ROOT / "csrc/kernels/cpu").glob("*.cpp")), ROOT / "tests/kernels/arm_check.cpp"]
    subprocess.run([COMPILER, *FLAGS, f"-I{ROOT / 'csrc'}", *map(str, sources), "-o", str(program)], check=True)
    result = subprocess.run([EMULATOR, str(program)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert result.stdout.endswith("values equal, target baseline\n")
