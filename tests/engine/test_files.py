"""Atomic writes: all or nothing."""

import json
import os
from pathlib import Path

import pytest

from spp_ops.engine.files import atomic_write, refuse_unwritable, write_json


def test_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with atomic_write(target) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("all of it")
        assert not target.exists()
    assert target.read_text() == "all of it"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_after_an_error_the_old_file_stands(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def interrupted() -> None:
        with atomic_write(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_permissions_are_those_of_a_new_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    (tmp_path / "b.json").touch()
    assert os.stat(tmp_path / "a.json").st_mode == os.stat(tmp_path / "b.json").st_mode


def test_json_without_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [1, 2.5]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1, 2.5]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"x": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_what_a_link_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a.json")
    write_json(tmp_path / "link", 1)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.json").read_text() == "1\n"


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    refuse_unwritable("json", tmp_path / "pipe")
    write_json(tmp_path / "pipe", 1)
    assert os.read(reading, 10) == b"1\n"
    os.close(reading)
    assert (tmp_path / "pipe").is_fifo()


def test_places_that_can_be_written_are_told_from_others(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refuse_unwritable("json", tmp_path / "file")
    refuse_unwritable("json", tmp_path / "new" / "file")
    refuse_unwritable("out", tmp_path / "new" / "folder", folder=True)
    for path, folder in ((tmp_path, False), (tmp_path / "file" / "x", False), (tmp_path / "file", True)):
        with pytest.raises(ValueError, match=r"^out: cannot write to "):
            refuse_unwritable("out", path, folder=folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
