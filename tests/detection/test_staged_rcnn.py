"""R-CNN by the same stages: its rows, and the detector that comes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import read_scenes, scene_detector

from spp_ops.detection.detectors.rcnn import RCNNDetector, rcnn_features
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.features.warped import RCNNFeatures
from spp_ops.detection.proposals import propose
from spp_ops.detection.staged import FineTuning, StagedConfig, StagedJob, SVMs, train_rcnn, train_staged
from spp_ops.detection.staged.kept_rows import KeptRows
from spp_ops.detection.staged.samples import training_samples

CPU = torch.device("cpu")
TUNING = FineTuning(batches=(8,), rates=(0.01,), batch_windows=32, batch_images=2)
CONFIG = StagedConfig(flip=False, tuning=TUNING, svms=SVMs(c=0.01, layer="rows"), seed=1)


def train(scenes: Path, out: Path, resume: bool = False) -> RCNNDetector:
    job = StagedJob(out, maps=scenes / "rows", resume=resume)
    return train_rcnn(read_scenes(scenes), scene_detector(scenes), CONFIG, job=job, device=CPU)


def test_kept_rows_are_those_of_the_windows(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = read_scenes(scenes).subset(range(2))
    detector = scene_detector(scenes)
    samples = training_samples(images, propose(images.paths, detector.proposals))
    features = rcnn_features(detector.build().eval())
    source = KeptRows(features, samples, tmp_path)
    source.fill()
    some = torch.tensor([5, 0, 9])
    with torch.inference_mode():
        expected = features(samples[1].pixels(), samples[1].windows[some])
    assert source.size == expected.shape[1]
    torch.testing.assert_close(source.rows(1, samples[1].windows[some]), expected, atol=1e-3, rtol=1e-3)
    with pytest.raises(ValueError, match="not the rows of an image's windows"):
        source.rows(1, torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    other = KeptRows(rcnn_features(detector.build().eval()), samples, tmp_path)
    with pytest.raises(ValueError, match="not the rows of an image's windows"):
        other.rows(0, samples[0].windows)
    monkeypatch.setattr(RCNNFeatures, "scores", None)
    source.fill()


def test_it_learns_and_resumes(scenes: Path, tmp_path: Path) -> None:
    detector = train(scenes, tmp_path / "run")
    images = read_scenes(scenes)
    windows = np.load(scenes / "windows.npz")
    found = [detector.detect(path, windows[name]) for path, name in zip(images.paths, images.names, strict=True)]
    assert evaluate_detections(images, found).eleven_point > 0.7
    (tmp_path / "run" / "svms.safetensors").unlink()
    again = train(scenes, tmp_path / "run", resume=True)
    for name, tensor in detector.net.state_dict().items():
        assert torch.equal(again.net.state_dict()[name], tensor), name
    assert len(detector.detect(images.paths[0], np.zeros((0, 4), np.float32))) == 0


def test_a_run_of_one_kind_is_not_resumed_as_another(scenes: Path, tmp_path: Path) -> None:
    train(scenes, tmp_path / "run")
    job = StagedJob(tmp_path / "run", resume=True)
    with pytest.raises(ValueError, match="kind: the run to be resumed has 'R-CNN', got 'SPP-net'"):
        train_staged(
            read_scenes(scenes),
            replace(scene_detector(scenes)),
            CONFIG,
            job=job,
            device=CPU,
        )
