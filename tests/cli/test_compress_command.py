"""`spp-ops compress` from run to run, and what it says to bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scenes import scene_detector, write_scenes
from small_detectors import small_detector

from spp_ops.cli import main
from spp_ops.detection import SPPDetector


def spp_ops(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"), {"test": 3})


@pytest.fixture(scope="module")
def runs(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """wide has two hidden layers, plain none."""
    folder = tmp_path_factory.mktemp("runs")
    config = scene_detector(scenes)
    settings = {"classes": config.classes, "proposals": config.proposals, "score_threshold": 0.2}
    small_detector(0, hidden=(64, 32), **settings).save(folder / "wide")
    small_detector(0, hidden=(), **settings).save(folder / "plain")
    return folder


def test_a_smaller_run_is_tested_and_used_as_any_other(scenes: Path, runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    result = spp_ops("compress", runs / "wide", "--out", out, "--rank", "16,8", "--int8", "--data", scenes)
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in out.iterdir()) == ["compression.json", "detector.json", "detector.safetensors"]
    config = SPPDetector.load(out).config
    assert (config.ranks, config.precision) == ((16, 8), "int8")
    record = json.loads((out / "compression.json").read_text())
    assert [(layer["name"], layer["rank"]) for layer in record["layers"]] == [("fc6", 16), ("fc7", 8)]
    assert record["bytes"]["after"] < record["bytes"]["before"]
    measured = record["average_precision"]
    for time, run in (("before", runs / "wide"), ("after", out)):
        file = tmp_path / f"{time}.json"
        tested = spp_ops("evaluate-detector", scenes, "--weights", run, "--json", file, "--cache", tmp_path / "cache")
        assert tested.exit_code == 0, tested.output
        assert measured[time]["mean_ap_11_point"] == json.loads(file.read_text())["mean_ap_11_point"]
    lines = [line.split() for line in result.output.splitlines()]
    shown = {line[0]: line for line in lines if line and line[0] in ("fc6", "fc7", "before", "after")}
    assert shown["fc6"][-2] == "16"
    assert float(shown["after"][3]) == pytest.approx(100 * measured["after"]["mean_ap_11_point"], abs=0.06)


def test_the_rank_follows_from_the_energy(runs: Path, tmp_path: Path) -> None:
    result = spp_ops("compress", runs / "wide", "--out", tmp_path / "small", "--energy", 0.5)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "small" / "compression.json").read_text())
    for layer in record["layers"]:
        assert layer["energy"] >= 0.5
        assert 1 <= layer["rank"] < layer["outputs"]
    assert record["average_precision"] == {}
    assert "average precision" not in result.output


@pytest.mark.parametrize(
    ("run", "options", "message"),
    [
        ("wide", [], "expected --rank N, --energy SHARE or --int8, got none of them"),
        ("wide", ["--rank", 5, "--energy", 0.5], "--rank, --energy: expected one of them, got both"),
        ("wide", ["--rank", "5,x"], "expected whole numbers with commas between, got '5,x'"),
        ("wide", ["--rank", "5,5,5"], "ranks: expected one of at least 1 for each of fc6, fc7, got [5, 5, 5]"),
        ("wide", ["--rank", ""], "ranks: expected one of at least 1 for each of fc6, fc7, got []"),
        ("wide", ["--rank", 4000], "ranks: [4000] take no fewer weights than the layers have; expected less"),
        ("wide", ["--int8", "--split", "test"], "--split: expected --data or --annotations with it, got none"),
        ("plain", ["--int8"], "expected a detector with hidden layers in its head (fc6, ...), got one without"),
        ("none", ["--int8"], "no detector at"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    runs: Path, tmp_path: Path, run: str, options: list[object], message: str
) -> None:
    result = spp_ops("compress", runs / run, "--out", tmp_path / "small", *options)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "small").exists()


def test_no_file_that_is_there_is_replaced(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = spp_ops("compress", runs / "wide", "--out", tmp_path, "--int8")
    assert result.exit_code == 2
    assert "out: expected a new or empty folder" in result.output
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
