"""What the training commands share: dry runs, the default folder, loggers; and -q, -v, help of all commands."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from scenes import write_scenes

from spp_ops.cli import main
from spp_ops.cli._panels import _PANEL_OF, ORDER

SMALL = ["--arch", "small5", "--epochs", "1", "--scales", "60", "--windows-per-image", "16"]


def spp_ops(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_scenes(tmp_path / "scenes", {"trainval": 3, "test": 1})


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        for number in range(3):
            path = tmp_path / "images" / "train" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((40, 40), 80).convert("RGB").save(path)
    return tmp_path / "images"


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("pipeline", ["joint", "staged"])
def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(data: Path, tmp_path: Path, pipeline: str) -> None:
    before = files(tmp_path)
    options = ["--images-per-step", 2, "--epochs", 5] if pipeline == "joint" else []
    result = spp_ops("train-detector", data, "--pipeline", pipeline, "--arch", "small5", *options, "--dry-run")
    assert result.exit_code == 0, result.output
    assert re.search(r"images: +3, \d+ objects", result.output)
    assert "classes:  2: blue, red" in result.output
    steps = "5 x 2 steps, 10 in all" if pipeline == "joint" else "800 batches of fine-tuning, SVMs, box regression"
    assert steps in result.output
    assert result.output.endswith("Dry run: nothing is written.\n")
    assert files(tmp_path) == before


def test_a_dry_run_of_a_classifier(folders: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    result = spp_ops("train-classifier", folders, "--arch", "small5", "--batch-size", 4, "--epochs", 3, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "images:   6\n" in result.output
    assert "training: 3 x 2 steps, 6 in all" in result.output
    assert "run:      runs/images-small5" in result.output
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--weights", "nothing.pt"], "weights: no file at nothing.pt"),
        (["--lr", "-1"], "lr: expected"),
        (["--split", "nothing"], "split"),
        (["--resume"], "out: expected the folder of the run to go on with, as --resume is given"),
    ],
)
def test_a_dry_run_refuses_what_a_run_would(data: Path, options: list[str], line: str) -> None:
    result = spp_ops("train-detector", data, *SMALL, *options, "--dry-run")
    assert result.exit_code == 2
    assert line in result.output.splitlines()[-1]


def test_a_run_without_a_folder_gets_one_and_the_next_one_another(data: Path, tmp_path: Path) -> None:
    for name in ("scenes-small5", "scenes-small5-2"):
        result = spp_ops("train-detector", data, *SMALL)
        assert result.exit_code == 0, result.output
        assert f"out: the run goes to runs/{name}" in result.output
        assert (tmp_path / "runs" / name / "detector.json").is_file()
    refused = spp_ops("train-detector", data, *SMALL, "--out", "runs/scenes-small5", "--dry-run")
    assert refused.exit_code == 2
    assert "holds a run already" in refused.output


def test_several_processes_are_told_their_folder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spp_ops.cli._training.world_size", lambda: 2)
    result = spp_ops("train-detector", data, *SMALL, "--dry-run")
    assert "error: out: expected a folder, as several processes train together" in result.output


def test_quiet_leaves_results_and_errors(data: Path) -> None:
    assert spp_ops("train-detector", data, *SMALL, "--out", "run", "-q").output == "saved in run\n"
    result = spp_ops("detect", data / "JPEGImages", "--weights", "run", "--out", "found", "--quiet")
    assert re.fullmatch(r"\d+ objects? in 4 images.*; see found\n", result.output)
    assert spp_ops("detect", "nothing.jpg", "--weights", "run", "--out", "x", "-q").output.startswith("error: ")
    again = spp_ops("detect", data / "JPEGImages", "--weights", "run", "--out", "found2")
    assert len(again.output.splitlines()) > 1  # quiet no longer


def test_verbose_says_what_is_in_force_on_standard_error() -> None:
    result = spp_ops("info", "--json", "--verbose", "--device", "cpu")
    assert result.exit_code == 0
    assert "spp_ops " in result.stderr
    assert "device: cpu\n" in result.stderr
    assert result.stdout.startswith("{")
    both = spp_ops("info", "-q", "-v")
    assert both.exit_code == 2
    assert "expected one of them, got both" in both.output


def test_a_logger_that_is_not_installed_is_told_before_the_data_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spp_ops.engine.scalars.find_spec", lambda name: None if name == "mlflow" else name)
    result = spp_ops("train-detector", "nothing", "--logger", "mlflow")
    assert result.exit_code == 2
    line = "error: logger: mlflow takes mlflow, not installed here: pip install 'spp_ops[mlflow]'\n"
    assert result.output == line


def test_help_is_in_groups() -> None:
    titles = [line[:-1] for line in spp_ops("train-detector", "--help").output.splitlines() if re.match(r"\w+:$", line)]
    assert titles == ["Data", "Network", "Training", "Output", "Run"]


def every_option() -> dict[str, set[str]]:
    """Help of each option by its first long name, over all commands."""
    found: dict[str, set[str]] = {}
    for name in main.list_commands(None):
        command = main.get_command(None, name)
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                found.setdefault(parameter.opts[0].lstrip("-"), set()).add(parameter.help or "")
    return found


def test_every_line_of_help_is_read_alone() -> None:
    for name, lines in every_option().items():
        for line in lines:
            assert line, name
            text = line.removeprefix("Joint: ").removeprefix("Staged: ")
            assert not re.match(r"(Of|of|Over|over|After|It|it|Its|Where it|where it|Share of them)\b", text), (
                name,
                line,
            )


def test_the_table_of_groups_names_options_that_there_are() -> None:
    known = set(every_option())
    for name in main.list_commands(None):
        command = main.get_command(None, name)
        known |= {option.lstrip("-") for parameter in command.params for option in parameter.opts}
        if isinstance(command, click.Group):
            for below in command.list_commands(None):
                known |= {o.lstrip("-") for p in command.get_command(None, below).params for o in p.opts}
    assert set(_PANEL_OF) - known == set()
    assert set(_PANEL_OF.values()) <= set(ORDER)


@pytest.mark.parametrize(
    ("words", "expected"), [("train-d", "train-detector"), ("detect --score", "--score-threshold")]
)
def test_a_shell_completes_commands_and_options(words: str, expected: str) -> None:
    typed = f"spp-ops {words}"
    variables = {"_SPP_OPS_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    result = CliRunner(env={**os.environ, **variables}).invoke(main, [], prog_name="spp-ops")
    assert f"plain,{expected}" in result.output.splitlines()
