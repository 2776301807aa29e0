"""A network that is compiled ahead of time runs in a C++ program: examples/aoti is built and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parent.parent / "examples" / "aoti"


@pytest.mark.slow
def test_the_example_builds_and_gives_what_python_gives(tmp_path: Path) -> None:
    for tool in ("make", os.environ.get("CXX", "g++")):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    command = ["make", "-C", str(EXAMPLE), "run", f"OUT={tmp_path}", f"PYTHON={sys.executable}"]
    environment = os.environ | {"PYTHONPATH": str(EXAMPLE.parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "scores of 50 regions in 5 classes" in done.stdout
    torch.testing.assert_close(torch.load(tmp_path / "scores.pt"), torch.load(tmp_path / "expected.pt"))
