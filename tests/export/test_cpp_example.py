"""An exported detector runs in a C++ program: examples/detector is built and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "detector"


@pytest.mark.slow  # tests/detection/test_export_detector.py has what it stands on
def test_the_example_builds_and_finds_what_python_finds(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="needs the extra openvino")
    pytest.importorskip("onnxscript", reason="needs the extra openvino")
    for tool in ("make", os.environ.get("CXX", "g++")):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    command = ["make", "-C", str(EXAMPLE), "run", f"OUT={tmp_path}", f"PYTHON={sys.executable}"]
    environment = os.environ | {"PYTHONPATH": str(EXAMPLE.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "objects, as in Python" in done.stdout
    for arguments, message in (([], "usage: run_detector"), (["no.xml", "no.ppm", "no.txt"], "run_detector: ")):
        refused = subprocess.run([tmp_path / "run_detector", *arguments], capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert message in refused.stderr
