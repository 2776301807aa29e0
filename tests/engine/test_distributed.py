"""The start and end of a job's processes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch
from launching import run_python

from spp_ops.cli import _main, main
from spp_ops.engine.distributed import gathered, make_fabric
from spp_ops.engine.processes import is_first, world_size

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


JOB = {  # what a batch step of SLURM with eight tasks sees
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NAME": "train",
    "SLURM_NTASKS": "8",
    "SLURM_NNODES": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
}


@pytest.mark.parametrize("variables", [JOB, {"WORLD_SIZE": "8", "RANK": "3", "MASTER_ADDR": "nowhere"}])
def test_only_torchrun_makes_several_processes_of_one(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    fabric = make_fabric(torch.device("cpu"))
    assert (fabric.world_size, fabric.global_rank, world_size(), is_first()) == (1, 0, 1, True)


SPEAKER = """
import sys
from spp_ops.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_of_several_processes_the_first_one_speaks(tmp_path: Path) -> None:
    (tmp_path / "speaker.py").write_text(SPEAKER)
    arguments = ["train-classifier", tmp_path / "nowhere", "--out", tmp_path / "run", "--device", "cpu"]
    done = run_python(tmp_path / "speaker.py", *arguments, processes=2, timeout=120)
    assert done.returncode != 0
    assert done.stderr.count("error: no folder of classes at") == 1


def test_a_fault_of_a_process_that_is_not_the_first_is_told_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(_main, "_FIRST_ONES_TIME", 0.01)
    with pytest.raises(SystemExit):
        main(["train-classifier", "nowhere", "--out", "run", "--device", "cpu"])
    assert capsys.readouterr().err.startswith("error in process 1: no folder of classes at nowhere")
