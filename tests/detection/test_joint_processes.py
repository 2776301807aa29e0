"""Joint training from the command line: two processes give what one gives; what is asked for wrongly is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from launching import run_python
from scenes import WINDOWS

from spp_ops.cli import main
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.joint import JointCheckpoint

_OPTIONS = (
    "--arch small5 --levels 2,1 --hidden 8 --dropout 0 --scales 96 --train-scales 96,80 --epochs 2 --backbone-lr 1 "
    "--images-per-step 3 --windows-per-image 16 --ema 0.5 --warmup 2 --hard-share 0.5 --device cpu --val-split test"
)


def arguments(data: Path, out: Path) -> list[str]:
    return ["train-detector", str(data), "--out", str(out), "--proposals", str(data / WINDOWS), *_OPTIONS.split()]


def train(data: Path, out: Path, processes: int) -> JointCheckpoint:
    done = run_python("-m", "spp_ops", *arguments(data, out), processes=processes)
    assert done.returncode == 0, done.stderr[-3000:]
    return JointCheckpoint.load(out)


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch comes without gloo")
def test_two_processes_train_as_one(scenes: Path, tmp_path: Path) -> None:
    one, two = (train(scenes, tmp_path / str(processes), processes) for processes in (1, 2))
    # Seven images in steps of 3, 3 and 1: shares differ in size, and in the last step one process has none.
    for mine, other in zip(one.history, two.history, strict=True):
        for name in ("class_loss", "box_loss", "gradient"):
            assert mine[name] == pytest.approx(other[name], rel=1e-4)
        assert mine["val_map"] == pytest.approx(other["val_map"], abs=1e-6)
    for name, tensor in one.model.items():
        torch.testing.assert_close(two.model[name], tensor, rtol=1e-3, atol=1e-6)
    assert one.history[0]["class_loss"] != one.history[1]["class_loss"]
    assert SPPDetector.load(tmp_path / "2").config == SPPDetector.load(tmp_path / "1").config


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--preset", "paper"], "--preset: an option of --pipeline staged, given with joint"),
        (["--pipeline", "staged"], "--epochs: an option of --pipeline joint, given with staged"),
        (["--format", "coco"], "expected a JSON file with images, annotations and categories (coco), found none"),
        (["--images", "."], "--images: not used with --format voc, got ."),
        (["--proposals", "guess"], "expected one of selective-search-fast"),
        (["--arch", "small6"], "arch: expected one of"),
        (["--split", "nothing"], "no split nothing; there are test, trainval"),
        (["--lr", "-1"], "lr: expected a positive number, got -1.0"),
        (["--weights", "none.pt"], "no weights file at none.pt"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(scenes: Path, tmp_path: Path, extra: list[str], complaint: str) -> None:
    result = CliRunner().invoke(main, [*arguments(scenes, tmp_path / "run"), *extra])
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert complaint in result.stderr


def test_the_staged_pipeline_trains_from_the_same_command(scenes: Path, tmp_path: Path) -> None:
    options = "--pipeline staged --arch small5 --levels 2,1 --hidden 8 --scales 96 --no-boxes --device cpu"
    places = [str(scenes), "--out", str(tmp_path), "--proposals", str(scenes / WINDOWS)]
    result = CliRunner().invoke(main, ["train-detector", *places, *options.split()])
    assert result.exit_code == 0, result.output
    config = SPPDetector.load(tmp_path).config
    assert (config.score, config.box_input, config.classes) == ("margin", None, ("blue", "red"))
