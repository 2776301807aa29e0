"""Files that commands write: nothing that is there is replaced unasked, and nothing computed is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from scenes import scene_detector, write_scenes
from small_detectors import small_detector

from spp_ops.cli import main
from spp_ops.cli._outputs import output_options


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"), {"test": 2})


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = scene_detector(scenes)
    small_detector(0, classes=config.classes, proposals=config.proposals, score_threshold=0.2).save(folder)
    return folder


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate-detector", *map(str, arguments), "--device", "cpu"])


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--weights")
@output_options(json="JSON.", plot="A plot.")
def copy(*, data: Path, weights: str | None, json_path: Path | None, plot_path: Path | None) -> None:
    for path in (json_path, plot_path):
        if path is not None:
            path.write_text("new")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["data", "--json", "mine.json"], "json: expected a new file or --overwrite, but mine.json is there already"),
        (["data", "--plot", "mine.png"], "plot: expected a new file or --overwrite, but mine.png is there already"),
        (["data", "--plot", "link.png"], "plot: expected a new file or --overwrite, but link.png is there already"),
        (["data", "--json", "data/a.json", "--overwrite"], "json: expected a file that is no input, got data/a.json"),
        (["mine.json", "--json", "mine.json", "--overwrite"], "json: expected a file that is no input, got mine.json"),
        (["data", "--weights", "mine.png", "--plot", "link.png", "--overwrite"], "plot: expected a file that is no"),
        (["data", "--json", "new.svg", "--plot", "./new.svg"], "json, plot: expected different files"),
    ],
)
def test_files_that_are_there_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("mine.json", "mine.png", "data/a.json"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "link.png").symlink_to("mine.png")
    result = CliRunner().invoke(copy, arguments)
    assert complaint in str(result.exception)
    assert {path.read_text() for path in tmp_path.rglob("*.*")} == {"mine"}


def test_new_files_and_those_to_be_replaced_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "mine.json").write_text("mine")
    result = CliRunner().invoke(copy, ["data", "--json", "mine.json", "--plot", "data/new.png", "--overwrite"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "mine.json").read_text() == (tmp_path / "data" / "new.png").read_text() == "new"


@pytest.mark.parametrize("words", [["detect"], ["demo"], ["classify"], ["evaluate-classifier"], ["evaluate-detector"]])
def test_every_command_that_writes_can_be_told_to_overwrite(words: list[str]) -> None:
    assert "--overwrite" in CliRunner().invoke(main, [*words, "--help"]).output


def test_annotations_are_not_written_over(scenes: Path, run: Path, tmp_path: Path) -> None:
    annotations = tmp_path / "a.json"
    annotations.write_text("{}")
    data = ["--format", "coco", "--images", scenes / "JPEGImages", "--annotations", annotations]
    for option in ("--json", "--results"):
        result = evaluate(*data, "--weights", run, option, annotations, "--overwrite")
        assert result.exit_code == 2
        assert "expected a file that is no input" in result.stderr
    assert annotations.read_text() == "{}"


def test_the_demo_keeps_what_it_did_not_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spp_ops.cli import demo

    made: list[Path] = []
    monkeypatch.setattr(demo.demo, "run", lambda image, out, *others: made.append(out) or True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "demo.png").write_text("mine")

    def run(*options: str) -> Result:
        return CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "out"), *options])

    assert run().exit_code == 0
    refused = run("--overwrite")
    assert refused.exit_code == 2
    assert "holds no demo.json" in refused.stderr
    (tmp_path / "out" / "demo.json").write_text(json.dumps({"gradient_checks_passed": {}}))
    assert run("--overwrite").exit_code == 0
    assert made == [tmp_path / "out-2", tmp_path / "out"]
    refused = run("--overwrite", "--image", str(tmp_path / "out" / "demo.png"))
    assert refused.exit_code == 2
    assert "is to be read" in refused.stderr


def test_figures_are_written_where_a_plot_fails(
    scenes: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spp_ops.cli.evaluate_detector.save_curves", full)
    files = ["--json", tmp_path / "e.json", "--results", tmp_path / "r.json", "--plot", tmp_path / "e.png"]
    result = evaluate(scenes, "--weights", run, *files)
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert "average precision" in result.output
    assert json.loads((tmp_path / "e.json").read_text())["images"] == 2
    assert isinstance(json.loads((tmp_path / "r.json").read_text()), list)


@pytest.mark.parametrize("reader", ["ascii", "closed"])
def test_figures_are_written_whoever_reads_the_tables(scenes: Path, run: Path, tmp_path: Path, reader: str) -> None:
    named = Path(tmp_path / "\u4e2d")
    named.symlink_to(scenes)
    reading, writing = os.pipe()
    if reader == "closed":
        os.close(reading)
    command = [sys.executable, "-m", "spp_ops", "evaluate-detector", str(named), "--weights", str(run)]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "e.json"), "--device", "cpu"],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "e.json").read_text())["images"] == 2
    if reader == "ascii":
        with os.fdopen(reading, "rb") as printed:
            assert rb"\u4e2d" in printed.read()
