"""Settings as YAML: read by --config, written by runs, and what is said to files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from safetensors.torch import load_file
from scenes import write_scenes

from spp_ops.cli import main

TRAINING = ["--arch", "small5", "--epochs", 1, "--scales", 60, "--windows-per-image", 16, "--no-flip", "--seed", 4]


def spp_ops(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_scenes(tmp_path / "scenes", {"trainval": 2, "test": 1})


def test_a_run_is_made_again_from_its_own_settings(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = spp_ops("train-detector", data.name, *TRAINING, "--out", "first")
    assert first.exit_code == 0, first.output
    settings = yaml.safe_load((tmp_path / "first" / "settings.yaml").read_text())
    assert settings["epochs"] == 1
    assert settings["levels"] == [6, 3, 2, 1]
    assert settings["flip"] is False
    assert settings["data"] == str(data)
    assert not {"out", "resume", "config", "quiet", "dry_run"} & set(settings)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = spp_ops("train-detector", "--config", tmp_path / "first" / "settings.yaml", "--out", tmp_path / "second")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "first" / "settings.yaml").read_text() == (tmp_path / "second" / "settings.yaml").read_text()
    one, other = (load_file(tmp_path / name / "detector.safetensors") for name in ("first", "second"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_command_line_comes_before_the_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("arch: small5\nscales: [60]\nimages-per-step: 1\nepochs: 7\nno_boxes: true\n")
    result = spp_ops("train-detector", data, "--config", "c.yaml", "--epochs", 2, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "training: 2 x 2 steps, 4 in all" in result.output
    assert "box_input: null" in result.output


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("epoch: 3", "config: c.yaml sets 'epoch', which is no option of train-detector; did you mean epochs?"),
        ("zzz: 3", "config: c.yaml sets 'zzz', which is no option of train-detector; train-detector --help lists them"),
        ("config: c.yaml", "config: c.yaml sets 'config', which is no option"),
        ("- 1", "config: expected options by name in c.yaml, got a list"),
        ("epochs: [1", "config: c.yaml is no YAML: while parsing a flow sequence"),
        ("a: b: c", "config: c.yaml is no YAML: mapping values are not allowed here"),
        ("scales: {a: 1}", "config: scales: expected a number, a text or a list of these in c.yaml, got {'a': 1}"),
        ("flip: 3", "config: flip: expected true or false in c.yaml, got 3"),
        ("epochs: x", "Invalid value for '--epochs': 'x' is not a valid integer range."),
        ("scales: [60, x]", "Invalid value for '--scales': expected whole numbers with commas between, got '60,x'"),
        ("arch: nothing5", "arch"),
        ("\x00", "config: c.yaml is no YAML"),
    ],
)
def test_bad_files_are_refused_by_a_line(data: Path, tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    result = spp_ops("train-detector", data, "--config", "c.yaml", "--dry-run")
    assert result.exit_code == 2
    told = [each for each in result.output.splitlines() if each.startswith("error: ")]
    assert len(told) == 1
    assert line in told[0]
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_not_there() -> None:
    assert spp_ops("info", "--config", "nothing.yaml").output == "error: config: no file at nothing.yaml\n"


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("# nothing\n")
    assert spp_ops("info", "--config", tmp_path / "c.yaml").exit_code == 0


def test_options_given_more_than_once_are_lists(data: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("weights: [digits, digits]\nout: found\n")
    result = spp_ops("detect", data / "JPEGImages", "--config", "c.yaml")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "found" / "detections.json").is_file()


def test_settings_of_a_run_that_is_there_stay_when_another_is_refused(data: Path, tmp_path: Path) -> None:
    assert spp_ops("train-detector", data, *TRAINING, "--out", "run").exit_code == 0
    before = (tmp_path / "run" / "settings.yaml").read_bytes()
    refused = spp_ops("train-detector", data, *TRAINING, "--lr", 1, "--out", "run")
    assert refused.exit_code == 2
    assert "holds a run already" in refused.output
    assert (tmp_path / "run" / "settings.yaml").read_bytes() == before
