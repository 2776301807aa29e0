"""A detector that OpenVINO runs finds what the detector finds; its graph is written once."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from exports import assert_same_objects
from PIL import Image
from small_detectors import CLASSES, photo, small_detector, windows_of

from spp_ops.cli import main
from spp_ops.detection.export import OpenVINODetector

pytest.importorskip("openvino", reason="needs the extra openvino")
pytest.importorskip("onnxscript", reason="needs the extra openvino")


def test_it_is_used_like_any_detector_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = small_detector(scales=(64,))
    faster = OpenVINODetector(detector, tmp_path)
    assert faster.classes == CLASSES
    assert faster.proposals == detector.proposals
    images, windows = [photo(60, 80), photo(100, 61)], [windows_of(60, 80), windows_of(100, 61)]
    for image, given, found in zip(images, windows, faster.detect_batch(images, windows), strict=True):
        assert_same_objects(found, detector.detect(image, given))
    files = sorted(path.suffix for path in tmp_path.iterdir())
    assert files == [".bin", ".xml"]
    monkeypatch.setattr("spp_ops.detection.export.openvino.export_detector", None)  # not called again
    assert_same_objects(
        OpenVINODetector(detector, tmp_path).detect(images[0], windows[0]), faster.detect(images[0], windows[0])
    )
    with pytest.raises(TypeError):
        OpenVINODetector(detector.changed(score_threshold=0.7), tmp_path)


def test_combinations_are_refused_in_one_line(tmp_path: Path) -> None:
    small_detector(scales=(64,)).save(tmp_path / "run")
    Image.fromarray(photo()).save(tmp_path / "photo.png")
    runs = ["--weights", str(tmp_path / "run")] * 2
    done = CliRunner().invoke(
        main, ["detect", str(tmp_path / "photo.png"), *runs, "--backend", "openvino", "--json-lines"]
    )
    assert done.exit_code == 2
    assert done.stderr == "error: backend: expected torch for a combination of 2 detectors, got openvino\n"
