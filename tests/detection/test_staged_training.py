"""The staged pipeline whole: its result is a detector, the same one however often the run was interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scenes import read_scenes, scene_detector

from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.staged import FineTuning, StagedConfig, StagedJob, SVMs, finetune, train_staged
from spp_ops.detection.staged.batches import Batches

CPU = torch.device("cpu")
TUNING = FineTuning(batches=(12, 4), rates=(0.01, 0.001), batch_windows=32, batch_images=2)
CONFIG = StagedConfig(flip=True, tuning=TUNING, svms=SVMs(c=0.01, retrain_after=100), seed=4)


def run(scenes: Path, out: Path, config: StagedConfig = CONFIG, **job: object) -> SPPDetector:
    torch.manual_seed(torch.seed() % 1000)  # whatever was drawn before must not matter
    settings = {"checkpoint_every": 5, "maps": scenes / "maps", **job}
    job_of_run = StagedJob(out, **settings)  # type: ignore[arg-type]
    return train_staged(read_scenes(scenes), scene_detector(scenes), config, job=job_of_run, device=CPU)


def assert_same(one: SPPDetector, two: SPPDetector) -> None:
    mine, other = one.net.state_dict(), two.net.state_dict()
    assert mine.keys() == other.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, other[name]), name


@pytest.fixture(scope="module")
def uninterrupted(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SPPDetector, Path]:
    out = tmp_path_factory.mktemp("staged") / "run"
    return run(scenes, out), out


def test_finds_more_than_an_untrained_detector(uninterrupted: tuple[SPPDetector, Path], scenes: Path) -> None:
    detector, _ = uninterrupted
    tests = read_scenes(scenes, "trainval")
    windows = np.load(scenes / "windows.npz")
    proposals = [torch.from_numpy(windows[name]) for name in tests.names]

    def ap(one: SPPDetector) -> float:
        found = [one.detect(path, boxes) for path, boxes in zip(tests.paths, proposals, strict=True)]
        return evaluate_detections(tests, found).eleven_point

    chance = SPPDetector(detector.config, detector.config.build())
    assert ap(detector) > 0.7
    assert ap(detector) > ap(chance) + 0.3


def test_the_saved_detector_is_the_returned_one(uninterrupted: tuple[SPPDetector, Path]) -> None:
    detector, out = uninterrupted
    assert_same(SPPDetector.load(out), detector)
    assert SPPDetector.load(out).config == detector.config
    assert (detector.config.score, detector.config.box_input) == ("margin", "rows")


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("step", [3, 5, 13])
def test_interrupted_fine_tuning_goes_on_to_the_same_result(
    uninterrupted: tuple[SPPDetector, Path], scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    draw = Batches.__getitem__

    def stop(self: Batches, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        if number == step:
            raise StoppedError
        return draw(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "__getitem__", stop)
        with pytest.raises(StoppedError):
            run(scenes, tmp_path / "run")
    assert finetune.saved_batches(tmp_path / "run") == step // 5 * 5
    assert_same(run(scenes, tmp_path / "run", resume=True), uninterrupted[0])


@pytest.mark.parametrize(
    "lost",
    [
        ["boxes.safetensors"],
        ["svms.safetensors", "boxes.safetensors"],
        ["finetune.safetensors", "svms.safetensors", "boxes.safetensors"],
    ],
)
def test_a_run_goes_on_from_the_stage_it_was_stopped_in(
    uninterrupted: tuple[SPPDetector, Path], scenes: Path, tmp_path: Path, lost: list[str]
) -> None:
    detector, complete = uninterrupted
    out = tmp_path / "run"
    out.mkdir()
    for file in complete.iterdir():
        if file.name not in lost and not file.name.startswith("detector"):
            (out / file.name).write_bytes(file.read_bytes())
    assert_same(run(scenes, out, resume=True), detector)


def test_finished_stages_are_not_done_again(
    uninterrupted: tuple[SPPDetector, Path], scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    for place in ("cache.MapStore._compute", "batches.Batches.__getitem__", "mining.Miner.train", "learning.fit_boxes"):
        monkeypatch.setattr(f"spp_ops.detection.staged.{place}", refuse)
    assert_same(run(scenes, uninterrupted[1], resume=True), uninterrupted[0])


def test_a_run_is_not_mixed_with_another(uninterrupted: tuple[SPPDetector, Path], scenes: Path) -> None:
    _, out = uninterrupted
    with pytest.raises(ValueError, match="holds a run already; give --resume"):
        run(scenes, out)
    other = replace(CONFIG, svms=replace(CONFIG.svms, c=0.2))
    with pytest.raises(ValueError, match=r"^staged\.svms\.c: the run to be resumed has 0\.01, got 0\.2$"):
        run(scenes, out, other, resume=True)
    (out / "staged.json").write_text((out / "staged.json").read_text().replace('"data": "', '"data": "0'))
    with pytest.raises(ValueError, match=r"^data: the run to be resumed"):
        run(scenes, out, resume=True)
    (out / "staged.json").write_text((out / "staged.json").read_text().replace('"data": "0', '"data": "'))


def test_what_the_stages_leave_says_what_it_is(uninterrupted: tuple[SPPDetector, Path]) -> None:
    detector, out = uninterrupted
    losses = load_file(out / "finetune.safetensors")["losses"]
    assert len(losses) == 16
    assert losses[-4:].mean() < losses[:4].mean()
    planes = load_file(out / "svms.safetensors")
    assert planes["weight"].shape == (2, 16)
    assert load_file(out / "boxes.safetensors")["weight"].shape == (2, 4, detector.net.head.box.in_features)  # type: ignore[union-attr]
    records = json.loads((out / "svms.json").read_text())
    assert list(records) == ["blue", "red"]
    assert sum(record["positives"] for record in records.values()) == 28  # two objects in each of 7 images, flipped
    assert all(record["fits"] >= 2 and record["added"] > record["negatives"] > 0 for record in records.values())
    assert not (out / "finetune-checkpoint.safetensors").exists()


@pytest.mark.parametrize("layer", ["rows", "fc6"])
def test_svms_on_lower_layers(scenes: Path, tmp_path: Path, layer: str) -> None:
    detector = replace(scene_detector(scenes), hidden=(12, 10))
    config = replace(CONFIG, flip=False, svms=replace(CONFIG.svms, layer=layer), boxes=None)
    job = StagedJob(tmp_path / "run", maps=scenes / "maps")
    found = train_staged(read_scenes(scenes), detector, config, job=job, device=CPU)
    assert found.config.hidden == (() if layer == "rows" else (12,))
    assert found.config.box_input is None
    assert (tmp_path / "run" / "finetune.safetensors").exists() == (layer == "fc6")


def test_a_layer_that_is_not_there(scenes: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, svms=replace(CONFIG.svms, layer="fc7"))
    with pytest.raises(ValueError, match="layer: expected one of rows, fc6, got 'fc7'"):
        run(scenes, tmp_path / "run", config)


def test_a_class_without_objects(scenes: Path, tmp_path: Path) -> None:
    images = read_scenes(scenes)
    images = replace(images, classes=(*images.classes, "green"))
    detector = replace(scene_detector(scenes), classes=images.classes)
    job = StagedJob(tmp_path / "run", maps=scenes / "maps")
    with pytest.raises(ValueError, match="classes: expected images that show green"):
        train_staged(images, detector, CONFIG, job=job, device=CPU)
