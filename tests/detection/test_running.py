"""A detector on a whole data set, alone and as two processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from launching import run_python
from scenes import read_scenes, scene_detector
from small_detectors import small_detector

from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.inference import find_windows, run_detector
from spp_ops.detection.detectors.spp import SPPDetector

WORKER = """
import pickle, sys
from pathlib import Path
import torch
from spp_ops.datasets.formats.voc import read_voc_detection
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.detectors.inference import run_detector
from spp_ops.engine.distributed import make_fabric

fabric = make_fabric(torch.device("cpu"))
detector = SPPDetector.load(sys.argv[1])
images = read_voc_detection(sys.argv[2], "trainval", classes=detector.classes)
done = []
found = run_detector(detector, images, fabric=fabric, after_image=lambda: done.append(1))
Path(sys.argv[3], f"{fabric.global_rank}.pickle").write_bytes(pickle.dumps((len(done), found)))
"""


@pytest.fixture
def detector(scenes: Path) -> SPPDetector:
    config = scene_detector(scenes)
    return small_detector(classes=config.classes, proposals=config.proposals)


def numbers(found: list[Detections]) -> list[list[object]]:
    return [[each.boxes.tolist(), each.scores.tolist(), each.labels.tolist()] for each in found]


def test_every_image_with_its_own_windows(detector: SPPDetector, scenes: Path) -> None:
    images = read_scenes(scenes)
    done = []
    found = run_detector(detector, images, after_image=lambda: done.append(1))
    assert len(done) == len(images)
    windows = find_windows(detector, images)
    assert numbers(found) == numbers(
        [detector.detect(path, each) for path, each in zip(images.paths, windows, strict=True)]
    )
    assert numbers(found) == numbers(run_detector(detector, images, windows=windows))
    assert sum(map(len, found)) > len(images)


def test_two_processes_find_what_one_finds(detector: SPPDetector, scenes: Path, tmp_path: Path) -> None:
    detector.save(tmp_path / "run")
    (tmp_path / "worker.py").write_text(WORKER)
    done = run_python(tmp_path / "worker.py", tmp_path / "run", scenes, tmp_path, processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    images, found = zip(*(pickle.loads((tmp_path / f"{rank}.pickle").read_bytes()) for rank in range(2)), strict=True)
    assert images == (4, 3)
    alone = run_detector(detector, read_scenes(scenes))
    for everyone in found:
        for one, other in zip(everyone, alone, strict=True):
            assert one.scores.tolist() == pytest.approx(other.scores.tolist(), abs=1e-5)
            assert one.labels.tolist() == other.labels.tolist()


def test_what_does_not_belong_together_is_named(detector: SPPDetector, scenes: Path) -> None:
    images = read_scenes(scenes)
    with pytest.raises(ValueError, match=r"images: expected the detector's classes \(cat, dog, owl\), got blue, red"):
        run_detector(small_detector(), images)
    with pytest.raises(ValueError, match="windows: expected some for each of 7 images, got 0"):
        run_detector(detector, images, windows=[])
