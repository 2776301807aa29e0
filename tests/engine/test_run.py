"""A run that is resumed: what may differ, and what a longer one comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from spp_ops.classification import Checkpoint, Job, NetworkConfig, TrainingConfig, train
from spp_ops.classification.config import training_from_data
from spp_ops.datasets.folders import read_folders
from spp_ops.detection.joint import JointConfig
from spp_ops.detection.staged.pipeline import StagedJob, staged_folder
from spp_ops.engine.progress import Progress
from spp_ops.engine.run import settings_to_go_on_with
from spp_ops.models import SPPNet

CPU = torch.device("cpu")
NETWORK = NetworkConfig("small5", (2, 1), (4,))
TRAINING = TrainingConfig(epochs=1, batch_size=12, sizes=(32,))


class Told(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def run(data: Path, out: Path, training: TrainingConfig, progress: Progress | None = None) -> Checkpoint:
    images = read_folders(data / "train")
    return train(images, None, NETWORK, training, job=Job(out, resume=True), device=CPU, progress=progress)


def test_a_finished_run_gets_more_epochs(shapes_of_saved_runs: Path, tmp_path: Path) -> None:
    first = run(shapes_of_saved_runs, tmp_path / "run", TRAINING)
    longer = run(shapes_of_saved_runs, tmp_path / "run", replace(TRAINING, epochs=3))
    assert [record["epoch"] for record in longer.history] == [0, 1, 2]
    assert longer.history[0] == first.history[0]
    assert longer.progress["step"] == 6
    assert Checkpoint.load(tmp_path / "run").training.epochs == 3
    # Two steps an epoch, six in all: the rate falls before the fourth and before the sixth.
    assert [record["lr"] for record in longer.history] == pytest.approx([0.01, 0.01, 0.001])
    with pytest.raises(ValueError, match="epochs: the run to be resumed has 3, got 2"):
        run(shapes_of_saved_runs, tmp_path / "run", replace(TRAINING, epochs=2))


def test_a_layout_in_memory_is_that_of_the_run_and_resumes_to_the_bit(
    shapes_of_saved_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    forward = SPPNet.forward
    monkeypatch.setattr(
        SPPNet, "forward", lambda net, images: seen.append(is_channels_last(images)) or forward(net, images)
    )
    images, training = read_folders(shapes_of_saved_runs / "train"), replace(TRAINING, epochs=2)
    whole = run(shapes_of_saved_runs, tmp_path / "whole", training)
    train(images, None, NETWORK, training, job=Job(tmp_path / "run", stop_after=1), device=CPU)
    resumed = run(shapes_of_saved_runs, tmp_path / "run", training)
    assert all(torch.equal(resumed.model[name], tensor) for name, tensor in whole.model.items())
    assert seen == [True] * 8
    planes = replace(TRAINING, channels_last=False)
    run(shapes_of_saved_runs, tmp_path / "planes", planes)
    assert not run(shapes_of_saved_runs, tmp_path / "planes", training).training.channels_last
    assert seen[8:] == [False] * 4
    assert not training_from_data({"epochs": 1}).channels_last


def is_channels_last(images: Tensor) -> bool:
    return images.is_contiguous(memory_format=torch.channels_last)


def test_one_short_run_learns_at_its_rate(shapes_of_saved_runs: Path, tmp_path: Path) -> None:
    assert run(shapes_of_saved_runs, tmp_path / "run", replace(TRAINING, lr=1e-3)).history[0]["lr"] == 1e-3


def test_a_run_without_weights_says_that_they_are_random(shapes_of_saved_runs: Path, tmp_path: Path) -> None:
    told = Told()
    run(shapes_of_saved_runs, tmp_path / "run", replace(TRAINING, backbone_lr=0.0), told)
    expected = "weights: none are given, so small5 starts from random ones, and its convolutions keep them"
    assert told.lines[0] == expected
    assert told.lines[1].startswith("epoch 0  size 32  lr 0.01  train_loss ")
    again = Told()
    run(shapes_of_saved_runs, tmp_path / "run", replace(TRAINING, backbone_lr=0.0), again)
    assert again.lines == [f"going on with the run in {tmp_path / 'run'}: 1 of 1 epochs are done"]


def test_a_schedule_that_is_not_asked_for_is_the_runs() -> None:
    saved = JointConfig(epochs=12, warmup=100, milestones=(8, 10))
    mine = settings_to_go_on_with(JointConfig(epochs=20), saved)
    assert (mine.epochs, mine.warmup, mine.milestones) == (20, 100, (8, 10))
    with pytest.raises(ValueError, match=r"milestones: the run to be resumed has \[8, 10\], got \[6\]"):
        settings_to_go_on_with(JointConfig(epochs=12, milestones=(6,)), saved)
    with pytest.raises(ValueError, match=r"lr: the run to be resumed has 0\.01, got 0\.5"):
        settings_to_go_on_with(JointConfig(epochs=12, lr=0.5), saved)


def test_training_in_stages_takes_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7")
    monkeypatch.setenv("WORLD_SIZE", "2")
    complaint = "processes: expected one for training in stages, torchrun has started 2"
    with pytest.raises(ValueError, match=complaint), staged_folder(StagedJob(tmp_path / "run")):
        pass
    assert not (tmp_path / "run").exists()
