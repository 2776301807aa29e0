"""A run's folder belongs to one process, is tidied, and what can't be written there is named."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from launching import run_python

from spp_ops.engine.files import CannotWriteError, atomic_write
from spp_ops.engine.run_folder import LOCK_NAME, found_run, run_folder

HOLDER = """
import sys
from pathlib import Path
from spp_ops.engine.run_folder import run_folder

with run_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    out = tmp_path / "run"
    script = tmp_path / "holder.py"
    script.write_text(HOLDER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(script), str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        complaint = rf"out: .*run is in use by process {other.pid} on \S+ since .*holder\.py"
        with pytest.raises(ValueError, match=complaint), run_folder(out):
            pass
        other.kill()  # the system lets go of the lock
        other.wait()
    with run_folder(out):
        assert f"process {os.getpid()} on" in (out / LOCK_NAME).read_text()
    assert not list(out.iterdir())


def test_a_folder_that_stays_empty_is_not_left_behind(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with run_folder(tmp_path / "mine"), run_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with run_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["file"]


def test_temporary_files_of_killed_runs_are_removed_and_others_stay(tmp_path: Path) -> None:
    left = (".checkpoint-a1b2c3d4.pt", ".detector-________.safetensors", ".staged-01234567.json")
    mine = (".checkpoint-a1b2c3d4.txt.pt2", ".checkpoint.pt", ".notes-a1b2c3d4.txt", "checkpoint-a1b2c3d4.pt")
    for name in (*left, *mine):
        (tmp_path / name).touch()
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / ".a-96-0123-a1b2c3d4.safetensors").touch()
    with run_folder(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*mine, LOCK_NAME, "maps"])
        assert not list((tmp_path / "maps").iterdir())


def test_a_killed_process_leaves_what_the_next_one_removes(tmp_path: Path) -> None:
    code = (
        "import os, sys; from spp_ops.engine.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as temporary: temporary.write_text('half'); os._exit(1)"
    )
    run_python("-c", code, tmp_path / "checkpoint.pt")
    assert len(list(tmp_path.glob(".checkpoint-*.pt"))) == 1
    with run_folder(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


def test_what_cannot_be_written_names_the_file_and_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder, blocked = tmp_path / "run", tmp_path / "run" / "blocked"
    folder.mkdir()
    blocked.touch()
    with (
        pytest.raises(CannotWriteError, match=r"^out: cannot write .*/file/run: Not a directory$"),
        run_folder(tmp_path / "file" / "run"),
    ):
        pass
    with (
        pytest.raises(CannotWriteError, match=r"^out: cannot write .*/run/blocked/x: (File exists|Not a directory)$"),
        run_folder(folder),
        atomic_write(blocked / "x"),
    ):
        pass
    with (
        pytest.raises(CannotWriteError, match=r"^cannot write .*/file/elsewhere: (File exists|Not a directory)$"),
        run_folder(folder),
        atomic_write(tmp_path / "file" / "elsewhere"),
    ):
        pass
    with pytest.raises(CannotWriteError, match=r"^out: cannot write .*/run: No space left"), run_folder(folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


FULL = """
import resource, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from spp_ops.engine.files import atomic_write

tensors = {"x": torch.zeros(100_000)}
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
writers = {
    "torch": lambda path: torch.save(tensors, path),
    "safetensors": lambda path: save_file(tensors, path),
    "bytes": lambda path: path.write_bytes(bytes(100_000)),
}
for name, write in writers.items():
    try:
        with atomic_write(Path(sys.argv[1], name)) as temporary:
            write(temporary)
    except OSError as error:
        print(type(error).__name__, error)
"""


def test_a_full_disk_is_one_line_whoever_writes(tmp_path: Path) -> None:
    done = run_python("-c", FULL, tmp_path)
    assert done.returncode == 0, done.stderr
    for line, name in zip(done.stdout.splitlines(), ("torch", "safetensors", "bytes"), strict=True):
        assert line.startswith(f"CannotWriteError cannot write {tmp_path}/{name}: ")
    assert not list(tmp_path.iterdir())


def test_other_errors_are_left_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a fault"), atomic_write(tmp_path / "x"):
        raise RuntimeError("a fault")
    with pytest.raises(FileNotFoundError), run_folder(tmp_path):
        torch.load(tmp_path / "absent.pt")


def test_whether_a_folder_has_a_run_to_go_on_with(tmp_path: Path) -> None:
    assert not found_run(tmp_path / "x", resume=False)
    (tmp_path / "x").touch()
    assert found_run(tmp_path / "x", resume=True)
    with pytest.raises(ValueError, match=r"out: .* holds a run already; give --resume to go on with it"):
        found_run(tmp_path / "x", resume=False)
