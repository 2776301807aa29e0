"""Proposals learned jointly with all else: they cover the objects; resumed and shared runs are the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from launching import run_python
from scenes import WINDOWS, read_scenes, scene_detector
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_joint_training import TRAINING, StoppedError, assert_same

from spp_ops.cli import main
from spp_ops.detection import ProposalConfig, SPPDetector
from spp_ops.detection.boxes import box_iou
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.inference import propose_learned
from spp_ops.detection.joint import JointCheckpoint, JointConfig, JointJob, train_joint
from spp_ops.detection.joint.training import JointTrainer
from spp_ops.detection.proposals.recall import measure_recall

CPU = torch.device("cpu")
LEARNED = replace(TRAINING, proposals_per_image=100, anchors_per_image=64, color_shift=0.0)


def learned_detector(scenes: Path) -> DetectorConfig:
    return replace(scene_detector(scenes), proposals=ProposalConfig("learned", limit=30))


def run(scenes: Path, job: JointJob, training: JointConfig = LEARNED) -> SPPDetector:
    torch.manual_seed(torch.seed() % 1000)  # whatever was drawn before must not matter
    return train_joint(read_scenes(scenes), None, learned_detector(scenes), training, job=job, device=CPU)


def test_a_resumed_run_equals_an_uninterrupted_one(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(LEARNED, epochs=2)
    run(scenes, JointJob(tmp_path / "whole"), config)
    real_step = JointTrainer._train_batch

    def fails_in_the_second_epoch(self: JointTrainer, *arguments: object, **named: object) -> None:
        if self.step == 5:
            raise StoppedError
        real_step(self, *arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(JointTrainer, "_train_batch", fails_in_the_second_epoch)
        with pytest.raises(StoppedError):
            run(scenes, JointJob(tmp_path / "parts", checkpoint_every=1), config)
    run(scenes, JointJob(tmp_path / "parts", resume=True), config)
    whole = JointCheckpoint.load(tmp_path / "whole")
    assert_same(JointCheckpoint.load(tmp_path / "parts"), whole)
    assert {"objectness_loss", "anchor_loss"} <= whole.history[0].keys()
    assert whole.detector.proposer is not None
    events = EventAccumulator(str(tmp_path / "whole")).Reload()
    assert [event.step for event in events.Scalars("loss/objectness")] == list(range(8))


def test_the_objects_are_proposed_and_found(scenes: Path, tmp_path: Path) -> None:
    config = replace(LEARNED, epochs=40, lr=0.02, ema=0.0, milestones=(32,), dropout=0.0)
    detector = run(scenes, JointJob(tmp_path), config)
    history = JointCheckpoint.load(tmp_path).history
    for name in ("class_loss", "objectness_loss"):
        assert history[-1][name] < 0.7 * history[0][name]
    tests = read_scenes(scenes, "test")
    loaded = SPPDetector.load(tmp_path)
    windows = propose_learned(loaded, tests.paths)
    assert max(map(len, windows)) <= 30
    assert measure_recall(windows, tests.objects).shares[-1][0] == 1.0  # at IoU 0.5
    found = [loaded.detect(path) for path in tests.paths]
    again = detector.detect(tests.paths[0])
    np.testing.assert_array_equal(found[0].boxes, again.boxes)
    best = [
        _overlaps(one.boxes[one.labels == label], box)
        for one, objects in zip(found, tests.objects, strict=True)
        for box, label in zip(objects.boxes, objects.labels, strict=True)
    ]
    assert np.mean(best) > 0.6


def _overlaps(boxes: np.ndarray, box: np.ndarray) -> float:
    ious = box_iou(torch.from_numpy(boxes), torch.from_numpy(box)[None])
    return float(ious.max()) if len(boxes) else 0.0


_OPTIONS = (
    "--arch small5 --levels 2,1 --hidden 8 --dropout 0 --scales 96 --train-scales 96,80 --epochs 2 --backbone-lr 1 "
    "--images-per-step 3 --windows-per-image 16 --ema 0.5 --warmup 2 --hard-share 0.5 --device cpu --val-split test "
    "--proposals learned --windows 20 --anchors-per-image 32 --proposals-per-image 60"
)


def train(data: Path, out: Path, processes: int) -> JointCheckpoint:
    arguments = ["train-detector", str(data), "--out", str(out), *_OPTIONS.split()]
    done = run_python("-m", "spp_ops", *arguments, processes=processes)
    assert done.returncode == 0, done.stderr[-3000:]
    return JointCheckpoint.load(out)


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch comes without gloo")
def test_two_processes_train_as_one_and_the_commands_take_the_run(scenes: Path, tmp_path: Path) -> None:
    one, two = (train(scenes, tmp_path / str(processes), processes) for processes in (1, 2))
    # Seven images in steps of 3, 3 and 1: shares differ in size, and in the last step one process has none.
    for mine, other in zip(one.history, two.history, strict=True):
        for name in ("class_loss", "box_loss", "objectness_loss", "anchor_loss", "gradient"):
            assert mine[name] == pytest.approx(other[name], rel=1e-3)
    for name, tensor in one.model.items():
        torch.testing.assert_close(two.model[name], tensor, rtol=1e-3, atol=1e-5)
    detector = SPPDetector.load(tmp_path / "2")
    assert detector.proposals == ProposalConfig("learned", limit=20)
    run = str(tmp_path / "2")
    image = str(read_scenes(scenes, "test").paths[0])
    for arguments, shown in (
        (["evaluate-detector", str(scenes), "--weights", run], "at most 20 learned windows"),
        (["evaluate-detector", str(scenes), "--weights", run, "--windows", "5"], "at most 5 learned windows"),
        (["propose", str(scenes), "--method", "learned", "--weights", run, "--windows", "7", "--recall"], "21 windows"),
        (["detect", image, "--weights", run, "--weights", str(tmp_path / "1"), "--out", str(tmp_path / "d")], "image"),
    ):
        done = CliRunner().invoke(main, [*arguments, "--device", "cpu"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert shown in done.output


def test_windows_are_learned_unless_others_are_asked_for_or_the_run_has_others(scenes: Path, tmp_path: Path) -> None:
    settings = "--arch small5 --levels 2,1 --scales 96 --epochs 1 --windows-per-image 16 --device cpu"
    runner = CliRunner()
    for name, asked in (("usual", []), ("file", ["--proposals", str(scenes / WINDOWS)])):
        out = str(tmp_path / name)
        for more in (asked, ["--resume"]):  # to go on, a run need not be told
            done = runner.invoke(main, ["train-detector", str(scenes), "--out", out, *settings.split(), *more])
            assert done.exit_code == 0, done.output
    assert SPPDetector.load(tmp_path / "usual").proposals == ProposalConfig("learned", limit=300)
    assert SPPDetector.load(tmp_path / "file").proposals.method == "file"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["train-detector", "--out", "RUN", "--pipeline", "staged", "--proposals", "learned"],
            "--pipeline joint alone",
        ),
        (["propose", "--method", "learned", "--recall"], "weights: expected --weights RUN with --method learned"),
        (["propose", "--weights", "RUN", "--recall"], "weights: expected --weights RUN with --method learned"),
    ],
)
def test_what_can_not_be_learned_is_refused(scenes: Path, tmp_path: Path, arguments: list[str], complaint: str) -> None:
    named = [str(tmp_path) if argument == "RUN" else argument for argument in arguments]
    done = CliRunner().invoke(main, [named[0], str(scenes), *named[1:]])
    assert done.exit_code == 2
    assert complaint in " ".join(done.output.split())
