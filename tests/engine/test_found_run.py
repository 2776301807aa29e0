"""A run's folder: what is in it already, and whether it may be written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from spp_ops.engine.run_folder import found_run


@pytest.mark.parametrize("name", ["training.png", "detector.json", "checkpoint.bin"])
def test_files_of_no_run_are_not_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").touch()
    for resume in (False, True):
        assert not found_run(tmp_path / "checkpoint.pt", resume=resume)
    (tmp_path / name).touch()
    for resume in (False, True):
        with pytest.raises(ValueError, match=f"out: .* holds {name}, which is of no run"):
            found_run(tmp_path / "checkpoint.pt", resume=resume)
    (tmp_path / "checkpoint.pt").touch()
    assert found_run(tmp_path / "checkpoint.pt", resume=True)
