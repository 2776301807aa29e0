"""The start and end of a job's processes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import torch
from launching import run_python

from spp_ops.engine.distributed import gathered, make_fabric

WORKER = """
import atexit, sys
from pathlib import Path
import torch

def note():  # registered first, so the last to run
    Path(sys.argv[1], str(fabric.global_rank)).write_text(str(torch.distributed.is_initialized()))

atexit.register(note)

from spp_ops.engine.distributed import gathered, make_fabric

fabric = make_fabric(torch.device("cpu"))
if fabric.global_rank == int(sys.argv[2]):
    raise SystemExit("a fault of one process")
assert gathered(fabric, fabric.global_rank) == [0, 1]
"""


def two_processes(folder: Path, failing: int) -> subprocess.CompletedProcess[str]:
    (folder / "worker.py").write_text(WORKER)
    return run_python(folder / "worker.py", folder, failing, processes=2, timeout=120)


def test_processes_leave_their_group_before_they_end(tmp_path: Path) -> None:
    result = two_processes(tmp_path, failing=-1)
    assert result.returncode == 0, result.stderr
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["False", "False"]


def test_a_fault_of_one_process_ends_all(tmp_path: Path) -> None:
    result = two_processes(tmp_path, failing=1)
    assert result.returncode != 0
    assert "a fault of one process" in result.stderr


def test_one_process_needs_no_group() -> None:
    fabric = make_fabric(torch.device("cpu"))
    assert fabric.world_size == 1
    assert gathered(fabric, "all") == ["all"]
    assert not torch.distributed.is_initialized()
