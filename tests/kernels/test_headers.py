"""Each header of the kernels compiles by itself, with every compiler found here: tools that read one find their way."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parents[2] / "csrc"
HEADERS = sorted(str(path.relative_to(CSRC)) for path in [*CSRC.glob("kernels/*.h"), *CSRC.glob("kernels/cpu/*.h")])
# A header alone defines functions and constants that nothing uses.
FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-Wno-unused-function"]


def compilers() -> list[str]:
    """C++ compilers by name."""
    return [name for name in ("g++", "clang++") if shutil.which(name)]


def compile_alone(compiler: str, text: str) -> str:
    """Return what the compiler has to say about a source of this text; nothing where it is content."""
    command = [compiler, *FLAGS, f"-I{CSRC}", "-x", "c++", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("compiler", compilers())
@pytest.mark.parametrize("header", HEADERS)
def test_header_compiles_alone(header: str, compiler: str) -> None:
    assert compile_alone(compiler, f'#include "{header}"\n#include "{header}"\n') == ""


@pytest.mark.parametrize("compiler", compilers())
def test_an_unknown_name_is_found(compiler: str) -> None:
    assert "error" in compile_alone(compiler, '#include "kernels/roi.h"\nspp::NoSuchName name;\n')
