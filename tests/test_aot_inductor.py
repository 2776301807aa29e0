"""A network that is compiled ahead of time runs in a C++ program: examples/aoti is built and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from agreement import assert_same
from torch import Tensor, nn

import spp_ops

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


THREE_THREADS = """
import sys, threading
import torch, spp_ops
torch.set_num_threads(1)
run = torch._inductor.aoti_load_package(sys.argv[1])
images, rois = torch.load(sys.argv[2])
def work():
    with torch.inference_mode(sys.argv[3] == "inference"):
        for _ in range(20):
            run(images, rois)
threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
for each in threads: each.start()
for each in threads: each.join(60)
sys.exit(any(each.is_alive() for each in threads))
"""


class Scores(nn.Module):
    def forward(self, features: Tensor, rois: Tensor) -> Tensor:
        return spp_ops.roi_spatial_pyramid_pool(2 * features, rois, (2, 1), 0.25)


@pytest.mark.slow  # tests/test_export.py has what it stands on
def test_python_threads_share_a_package(tmp_path: Path) -> None:
    """The operator runs without the interpreter: a thread that waits for the package while it holds the GIL waits
    for one that does not need it.
    """
    inputs = (torch.randn(1, 8, 40, 40), torch.tensor([[0, 0, 0, 100, 100.0]]).repeat(200, 1))
    program = torch.export.export(Scores(), inputs)
    package = torch._inductor.aoti_compile_and_package(program, package_path=str(tmp_path / "net.pt2"))
    assert_same(torch._inductor.aoti_load_package(package)(*inputs), Scores()(*inputs))
    torch.save(inputs, tmp_path / "inputs.pt")
    for mode in ("plain", "inference"):
        arguments = [sys.executable, "-c", THREE_THREADS, package, str(tmp_path / "inputs.pt"), mode]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, mode + done.stderr
