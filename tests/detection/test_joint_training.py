"""Joint training: the loss falls, the gradient passes the operator, a resumed run is the uninterrupted one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scenes import read_scenes, scene_detector
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import spp_ops
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.joint import JointCheckpoint, JointConfig, JointJob, train_joint
from spp_ops.detection.joint.step import JointStep
from spp_ops.detection.joint.training import JointTrainer
from spp_ops.detection.losses import Losses

CPU = torch.device("cpu")
TRAINING = JointConfig(
    epochs=3,
    windows_per_image=32,
    hard_share=1.0,
    scales=(96, 80),
    color_shift=0.1,
    backbone_lr=1.0,
    warmup=4,
    milestones=(2,),
    ema=0.5,
    seed=3,
)


def run(scenes: Path, job: JointJob, training: JointConfig = TRAINING, validate: bool = False) -> SPPDetector:
    torch.manual_seed(torch.seed() % 1000)  # whatever was drawn before must not matter
    tests = read_scenes(scenes, "test") if validate else None
    return train_joint(read_scenes(scenes), tests, scene_detector(scenes), training, job=job, device=CPU)


def assert_same(one: JointCheckpoint, two: JointCheckpoint) -> None:
    assert one.history == two.history
    assert one.average is not None
    assert two.average is not None
    for mine, other in ((one.model, two.model), (one.average, two.average)):
        assert mine.keys() == other.keys()
        for name, tensor in mine.items():
            assert torch.equal(tensor, other[name]), name
    states = one.progress["optimizer"]["state"], two.progress["optimizer"]["state"]
    for key, state in states[0].items():
        assert all(torch.equal(value, states[1][key][name]) for name, value in state.items())


class StoppedError(Exception):
    pass


def test_a_resumed_run_equals_an_uninterrupted_one(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(scenes, JointJob(tmp_path / "whole"))
    whole = JointCheckpoint.load(tmp_path / "whole")
    assert [record["lr"] for record in whole.history] == pytest.approx([0.0025, 0.01, 0.001])

    run(scenes, JointJob(tmp_path / "parts", stop_after=1))
    real_step = JointTrainer._train_batch

    def fails_in_the_second_epoch(self: JointTrainer, *arguments: object, **named: object) -> None:
        if self.step == 7:
            raise StoppedError
        real_step(self, *arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(JointTrainer, "_train_batch", fails_in_the_second_epoch)
        with pytest.raises(StoppedError):
            run(scenes, JointJob(tmp_path / "parts", resume=True, checkpoint_every=2))
    saved = JointCheckpoint.load(tmp_path / "parts")
    assert (saved.progress["epoch"], saved.progress["batch"], len(saved.history)) == (1, 2, 1)
    run(scenes, JointJob(tmp_path / "parts", resume=True))
    assert_same(JointCheckpoint.load(tmp_path / "parts"), whole)


def test_the_loss_falls_and_the_objects_are_found(scenes: Path, tmp_path: Path) -> None:
    config = replace(TRAINING, epochs=40, lr=0.02, ema=0.0, milestones=(32,), color_shift=0.0, dropout=0.0)
    detector = run(scenes, JointJob(tmp_path, validate_every=40), config, validate=True)
    history = JointCheckpoint.load(tmp_path).history
    assert history[-1]["class_loss"] < 0.5 * history[0]["class_loss"]
    assert history[-1]["box_loss"] < 0.9 * max(record["box_loss"] for record in history)
    assert [record["epoch"] for record in history if "val_map" in record] == [39]
    assert history[-1]["val_map"] > 50
    path = read_scenes(scenes, "test").paths[0]
    loaded = SPPDetector.load(tmp_path).detect(path)
    assert (loaded.boxes == detector.detect(path).boxes).all()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_gradient_of_the_lowest_convolution_is_the_reference_operators(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    # One step without momentum or decay moves a weight by its gradient.
    config = replace(
        TRAINING, epochs=1, images_per_step=7, warmup=0, weight_decay=0.0, ema=0.0, precision=precision, dropout=0.0
    )
    moves = {}
    calls = []

    def counted(operator: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        return lambda *arguments, **named: (calls.append(operator), operator(*arguments, **named))[1]

    for name, operator in (
        ("kernels", spp_ops.roi_spatial_pyramid_pool),
        ("reference", spp_ops.reference.roi_spatial_pyramid_pool),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(spp_ops, "roi_spatial_pyramid_pool", counted(operator))
            run(scenes, JointJob(tmp_path / f"{name}_0"), replace(config, lr=1e-30))
            run(scenes, JointJob(tmp_path / name), config)
        start, end = (JointCheckpoint.load(tmp_path / folder).model for folder in (f"{name}_0", name))
        moves[name] = {key: end[key] - start[key] for key in start if key.startswith("backbone.conv")}
    assert len(set(calls)) == 2
    for key, move in moves["kernels"].items():
        largest = float(move.abs().max())
        assert largest > 0, key
        tolerance = 1e-4 if precision == "32-true" else 1e-2  # sums of gradients are rounded in other orders
        last_digit = 2.0**-23 * float(start[key].abs().max())  # a weight that has moved is rounded too
        torch.testing.assert_close(move, moves["reference"][key], rtol=0, atol=tolerance * largest + last_digit)


def test_frozen_layers_and_a_frozen_backbone_keep_their_weights(scenes: Path, tmp_path: Path) -> None:
    moved = {}
    for name, changes in {"two": {"frozen_layers": 2}, "all": {"backbone_lr": 0.0}, "none": {}}.items():
        config = replace(TRAINING, epochs=1, **changes)  # type: ignore[arg-type]
        run(scenes, JointJob(tmp_path / name), replace(config, lr=1e-30))
        start = JointCheckpoint.load(tmp_path / name).model
        run(scenes, JointJob(tmp_path / f"{name}_moved"), config)
        checkpoint = JointCheckpoint.load(tmp_path / f"{name}_moved")
        weights = [key for key in start if key.startswith("backbone") and key.endswith("weight")]
        moved[name] = [not torch.equal(start[key], checkpoint.model[key]) for key in weights]
        assert not torch.equal(start["head.trunk.fc6.weight"], checkpoint.model["head.trunk.fc6.weight"])
        assert (checkpoint.history[0]["gradient"] == 0) == (name == "all")
    assert moved == {"two": [False, True, True, True, True], "all": [False] * 5, "none": [True] * 5}


def test_a_run_leaves_scalars_of_every_step_a_plot_and_the_averaged_detector(scenes: Path, tmp_path: Path) -> None:
    detector = run(scenes, JointJob(tmp_path, stop_after=2))
    checkpoint = JointCheckpoint.load(tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    for name in ("loss/step", "loss/classes", "loss/boxes", "gradient/last_convolution"):
        assert [event.step for event in events.Scalars(name)] == list(range(8))
        assert all(event.value > 0 for event in events.Scalars(name))
    assert (tmp_path / "training.png").stat().st_size > 1000
    assert not list(tmp_path.glob(".*")), "temporary files are left"
    assert checkpoint.average is not None
    name = "head.trunk.fc6.weight"
    assert torch.equal(detector.net.state_dict()[name], checkpoint.average[name])
    assert not torch.equal(detector.net.state_dict()[name], checkpoint.model[name])


def test_pooled_rows_are_scaled_to_a_root_mean_square_of_one(scenes: Path, tmp_path: Path) -> None:
    detector = run(scenes, JointJob(tmp_path), replace(TRAINING, epochs=1, lr=1e-30, ema=0.0))
    images = read_scenes(scenes)
    with torch.inference_mode():
        boxes = torch.from_numpy(images.objects[0].boxes)
        rows = detector.features(spp_ops.datasets.load_image(images.paths[0]), boxes) * detector.net.head.row_scale
    assert 0.3 < float(rows.square().mean().sqrt()) < 3


def test_the_hardest_windows_have_the_larger_loss(scenes: Path, tmp_path: Path) -> None:
    losses = []
    for share in (1.0, 0.25):
        config = replace(TRAINING, epochs=1, lr=1e-30, hard_share=share, box_weight=0.0, dropout=0.0)
        run(scenes, JointJob(tmp_path / str(share)), config)
        losses.append(JointCheckpoint.load(tmp_path / str(share)).history[0]["class_loss"])
    assert losses[1] > 1.005 * losses[0]


def test_windows_scored_first_teach_what_all_of_them_would(scenes: Path, tmp_path: Path) -> None:
    config = replace(TRAINING, epochs=2, hard_share=0.25, dropout=0.0)
    for first in (True, False):
        run(scenes, JointJob(tmp_path / str(first)), replace(config, score_first=first))
    one, other = (JointCheckpoint.load(tmp_path / str(first)) for first in (True, False))
    for mine, theirs in zip(one.history, other.history, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-3)
    for name, tensor in one.model.items():
        torch.testing.assert_close(tensor, other.model[name], rtol=1e-3, atol=1e-5)


def test_dropout_has_no_say_in_which_windows_count(scenes: Path, tmp_path: Path) -> None:
    # With nothing left of the hidden layer, all windows of a class have the same loss unless dropout is off.
    seen = []
    real = JointStep._scored

    def watched(self: JointStep, images: list[Any]) -> Losses:
        assert self.net.head.training
        losses = real(self, images)
        assert self.net.head.training
        seen.append(losses.classes)
        return losses

    config = replace(TRAINING, epochs=1, hard_share=0.5, dropout=0.99, lr=1e-30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JointStep, "_scored", watched)
        run(scenes, JointJob(tmp_path), config)
    assert all(len(losses.unique()) > 10 for losses in seen)
    assert not any(losses.requires_grad for losses in seen)


def test_another_seed_gives_another_run(scenes: Path, tmp_path: Path) -> None:
    losses = []
    for seed in (0, 1):
        run(scenes, JointJob(tmp_path / str(seed)), replace(TRAINING, epochs=1, seed=seed))
        losses.append(JointCheckpoint.load(tmp_path / str(seed)).history[0]["class_loss"])
    assert losses[0] != losses[1]


def test_mixed_precision_trains_float32_weights(scenes: Path, tmp_path: Path) -> None:
    losses = []
    for precision in ("32-true", "bf16-mixed"):
        run(scenes, JointJob(tmp_path / precision), replace(TRAINING, epochs=1, precision=precision))  # type: ignore[arg-type]
        checkpoint = JointCheckpoint.load(tmp_path / precision)
        assert {tensor.dtype for tensor in checkpoint.model.values()} == {torch.float32}
        losses.append(checkpoint.history[0]["class_loss"])
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_a_loss_that_leaves_the_numbers_is_an_error_of_the_learning_rate(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lr: expected a smaller one than 1e"):
        run(scenes, JointJob(tmp_path), replace(TRAINING, lr=1e30, clip_norm=math.inf))


def test_adam_goes_on_as_it_would_have_gone(scenes: Path, tmp_path: Path) -> None:
    config = replace(TRAINING, optimizer="adam", lr=1e-3)
    run(scenes, JointJob(tmp_path / "whole"), config)
    for stop in (1, None):
        run(scenes, JointJob(tmp_path / "parts", resume=True, stop_after=stop), config)
    whole = JointCheckpoint.load(tmp_path / "whole")
    assert_same(JointCheckpoint.load(tmp_path / "parts"), whole)
    assert {name for state in whole.progress["optimizer"]["state"].values() for name in state} >= {"exp_avg_sq"}


def test_a_folder_with_a_run_needs_resume_and_the_same_settings(scenes: Path, tmp_path: Path) -> None:
    config = replace(TRAINING, epochs=1)
    run(scenes, JointJob(tmp_path), config)
    with pytest.raises(ValueError, match=r"out: .* holds a run already; give --resume"):
        run(scenes, JointJob(tmp_path), config)
    with pytest.raises(ValueError, match=r"lr: the run to be resumed has 0.01, got 0.02"):
        run(scenes, JointJob(tmp_path, resume=True), replace(config, lr=0.02))
    other, job = read_scenes(scenes, "test"), JointJob(tmp_path, resume=True)
    with pytest.raises(ValueError, match="data: expected the images, objects and windows of the run in"):
        train_joint(other, None, scene_detector(scenes), config, job=job, device=CPU)
    run(scenes, JointJob(tmp_path, resume=True), config)  # is done: nothing is left to do
    assert len(JointCheckpoint.load(tmp_path).history) == 1


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"images_per_step": 0}, "images_per_step: expected at least 1, got 0"),
        ({"positive_share": 0.0}, "positive_share: expected a number above 0, up to 1, got 0.0"),
        ({"negative_range": (0.5, 0.1)}, "negative_range: expected two IoUs in order"),
        ({"object_shift": 0.5}, "object_shift: expected a number from 0 to below 0.5, got 0.5"),
        ({"scales": ()}, "scales: expected one or more sides"),
        ({"lr": math.nan}, "lr: expected a positive number, got nan"),
        ({"box_beta": 0.0}, "box_beta: expected a positive number, got 0.0"),
        ({"ema": 1.0}, "ema: expected a number from 0 to below 1, got 1.0"),
        ({"optimizer": "lbfgs"}, "optimizer: expected sgd or adam, got 'lbfgs'"),
        ({"precision": "8"}, "precision: expected 32-true|bf16-mixed"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        JointConfig(**settings)  # type: ignore[arg-type]


def test_other_files_are_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint of joint training at"):
        JointCheckpoint.load(tmp_path)
    path = tmp_path / "checkpoint.pt"
    for content in (b"", b"nonsense", b"PK\x03\x04 nonsense", b"root:x:0:0:root"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a checkpoint of joint training"):
            JointCheckpoint.load(path.parent)
    torch.save({"format": 1}, path)
    with pytest.raises(ValueError, match="is not a checkpoint of joint training"):
        JointCheckpoint.load(path.parent)


def test_weights_are_looked_for_before_windows(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spp_ops.detection.joint import run

    monkeypatch.setattr(run, "_propose", lambda *arguments: pytest.fail("windows take minutes"))
    job = JointJob(tmp_path / "run", weights=str(tmp_path / "none.pt"))
    with pytest.raises(FileNotFoundError, match="no weights file"):
        train_joint(
            read_scenes(scenes),
            None,
            scene_detector(scenes),
            JointConfig(epochs=1),
            job=job,
            device=torch.device("cpu"),
        )
