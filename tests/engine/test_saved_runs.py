"""Runs that were saved before there was an engine load, and go on to the weights that they would have come to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from scenes import read_scenes
from torch import Tensor

from spp_ops.classification import Checkpoint, Job, NetworkConfig, TrainingConfig, train
from spp_ops.datasets.folders import read_folders
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.joint import JointCheckpoint, JointConfig, JointJob, train_joint
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.staged import FineTuning, StagedConfig, StagedJob, SVMs, train_staged
from spp_ops.models import small
from spp_ops.models.architectures import Stage, max_pool

RUNS = Path(__file__).parents[1] / "saved_runs"
CPU = torch.device("cpu")
CLASSIFIER = TrainingConfig(epochs=4, batch_size=7, sizes=(48, 40), color_shift=0.2, backbone_lr=0.7, ema=0.5, seed=3)
JOINT = JointConfig(
    epochs=4,
    windows_per_image=32,
    hard_share=0.5,
    scales=(96, 80),
    color_shift=0.1,
    backbone_lr=0.3,
    ema=0.5,
    seed=3,
)
STAGED = StagedConfig(
    flip=True,
    tuning=FineTuning(batches=(12, 4), rates=(0.01, 0.001), batch_windows=32, batch_images=2),
    svms=SVMs(c=0.01, retrain_after=100),
    seed=4,
)


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The networks of a few channels that the runs have, and one thread."""
    stages = Stage(4, 5, stride=2, padding=2, then=(max_pool(2, 2),)), *(Stage(6, 3, padding=1) for _ in range(2))
    monkeypatch.setattr(small, "SMALL5", stages)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def saved(kind: str, out: Path) -> dict[str, Any]:
    """Copy a run to a folder; what it comes to."""
    shutil.copytree(RUNS / kind, out, ignore=shutil.ignore_patterns("whole.pt"))
    whole: dict[str, Any] = torch.load(RUNS / kind / "whole.pt", weights_only=True)
    return whole


def assert_equal(mine: Mapping[str, Tensor] | None, whole: Mapping[str, Tensor]) -> None:
    """To the bit on the kind of processor that made the runs; up to rounding on any other."""
    assert mine is not None
    assert mine.keys() == whole.keys()
    exact = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.__version__.startswith("2.14")
    for name, tensor in whole.items():
        tolerance = 0.0 if exact else 1e-4
        torch.testing.assert_close(mine[name], tensor, rtol=tolerance, atol=tolerance, msg=name)


def detector() -> DetectorConfig:
    proposals = ProposalConfig(method="file", file="windows.npz")
    return DetectorConfig(
        ("blue", "red"), "small5", (2, 1), (16,), scales=(96,), target_area=48.0**2, proposals=proposals
    )


def test_a_classifier(shapes_of_saved_runs: Path, tmp_path: Path) -> None:
    whole = saved("classifier", tmp_path / "run")
    images, network = read_folders(shapes_of_saved_runs / "train"), NetworkConfig("small5", (2, 1), (8,))
    assert Checkpoint.load(tmp_path / "run").progress["step"] == 6
    result = train(images, None, network, CLASSIFIER, job=Job(tmp_path / "run", resume=True), device=CPU)
    assert_equal(result.model, whole["model"])
    assert_equal(result.average, whole["average"])
    assert result.training.milestones == (1, 3)  # the run's own, as no others are asked for
    for mine, before in zip(result.history, whole["history"], strict=True):
        assert mine == pytest.approx(before)


def test_a_jointly_trained_detector(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saved("joint", tmp_path / "run")
    monkeypatch.chdir(scenes)  # where windows.npz is
    train_joint(read_scenes(scenes), None, detector(), JOINT, job=JointJob(tmp_path / "run", resume=True), device=CPU)
    result = JointCheckpoint.load(tmp_path / "run")
    assert_equal(result.model, whole["model"])
    assert_equal(result.average, whole["average"])
    assert (result.training.warmup, result.training.milestones) == (3, (1, 3))
    assert [record["lr"] for record in result.history] == [record["lr"] for record in whole["history"]]


def test_a_detector_trained_in_stages(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saved("staged", tmp_path / "run")
    monkeypatch.chdir(scenes)
    job = StagedJob(tmp_path / "run", resume=True)
    result = train_staged(read_scenes(scenes), detector(), STAGED, job=job, device=CPU)
    assert_equal(result.net.state_dict(), whole["model"])
