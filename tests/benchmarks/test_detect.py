"""`spp-ops benchmark detect`: contestants, parts, memory, record, promises, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spp_ops.benchmarks.bars import PHOTO_BYTES, photo_verdicts
from spp_ops.benchmarks.detect.contestants import CONTESTANTS
from spp_ops.benchmarks.detect.memory import peak_bytes
from spp_ops.benchmarks.detect.parts import PARTS, part_seconds
from spp_ops.benchmarks.detect.report import part_rows, rows
from spp_ops.benchmarks.detect.results import CASE, TIMED, DetectRecord
from spp_ops.benchmarks.detect.setting import LARGE, chosen_photos, large_photo, learned_detector
from spp_ops.benchmarks.results import Contest
from spp_ops.cli import main
from spp_ops.detection import SPPDetector


@pytest.fixture(scope="module")
def detector() -> SPPDetector:
    return learned_detector(None, 0)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def record(ours: float = 2.0, peak: int | None = 10**8) -> DetectRecord:
    """Three rounds."""
    seconds = {
        "ours": [ours] * 3,
        "fasterrcnn-mobilenet": [3.0, 3.1, 2.9],
        "ssdlite-mobilenet": [1.5, 1.5, 1.6],
        "ours-opencv-selective-search": [20.0] * 3,
    }
    parts = {"ours": dict.fromkeys(PARTS, ours / len(PARTS))}
    contest = Contest(CASE, TIMED, "float32", seconds, left_out={"yolo11n": "not installed: ultralytics"})
    return DetectRecord({"device": "cpu"}, ["a.jpg 4 x 3"], "a detector", contest, parts, peak)


def test_promises_are_kept_or_missed() -> None:
    kept = {verdict.promise.split(": ")[-1]: verdict.kept for verdict in photo_verdicts(record())}
    assert kept == {
        "fasterrcnn-mobilenet at least 1 x ours": True,
        "ours at most 1.5 x ssdlite-mobilenet": True,
        "ours-opencv-selective-search at least 12 x ours": False,
        "peak memory of detect on 12 megapixels below 1,000 MB": True,
    }
    slow = photo_verdicts(record(ours=4.0, peak=int(PHOTO_BYTES)))
    assert [verdict.kept for verdict in slow] == [False] * 4
    assert len(photo_verdicts(record(peak=None))) == 3


def test_a_record_comes_back_and_others_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "detect.json"
    record().save(file)
    assert DetectRecord.load(file) == record()
    content = json.loads(file.read_text())
    for name, value in (("contest", {}), ("peak_bytes", "many"), ("photos", [1]), ("extra", 1)):
        file.write_text(json.dumps(content | {name: value}))
        with pytest.raises(ValueError, match="expected a record of `spp-ops benchmark detect`, got other JSON"):
            DetectRecord.load(file)


def test_tables_say_what_was_measured() -> None:
    table = {name: (ratio, about) for name, ratio, _, about in rows(record())}
    assert list(table) == ["ssdlite-mobilenet", "ours", "fasterrcnn-mobilenet", "ours-opencv-selective-search"]
    assert table["fasterrcnn-mobilenet"][0] == "1.5"
    assert "fasterrcnn_mobilenet_v3_large_320_fpn" in table["fasterrcnn-mobilenet"][1]
    (shares,) = part_rows(record())
    assert shares == ("ours", *["14%"] * len(PARTS))


def test_parts_are_those_of_detect(detector: SPPDetector, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import spp_ops.benchmarks.detect.parts as module

    found = []
    monkeypatch.setattr(module, "postprocess", lambda *given: found.append(postprocess(*given)) or found[-1])
    from spp_ops.detection.detectors.postprocess import postprocess

    for one in (detector, detector.changed(proposals=replace(detector.proposals, method="selective-search-fast"))):
        seconds = part_seconds(one, [photo], 1)
        assert list(seconds) == list(PARTS)
        assert all(value > 0 for value in seconds.values())
        expected = one.detect(photo)
        np.testing.assert_allclose(found[-1].boxes, expected.boxes, atol=1e-3)
        np.testing.assert_allclose(found[-1].scores, expected.scores, atol=1e-5)


@pytest.mark.parametrize("name", ["ours", "ours-bfloat16", "ours-selective-search", "ssdlite-mobilenet"])
def test_contestants_find_boxes(name: str, detector: SPPDetector, photo: Path) -> None:
    contestant = CONTESTANTS[name]
    assert contestant.about
    assert contestant.missing() is None
    found = contestant.ready(detector)(photo)
    boxes = found.boxes if name.startswith("ours") else found[0]["boxes"]
    assert boxes.shape[1] == 4
    assert len(boxes) > 0


def test_a_contestant_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CONTESTANTS["yolo11n"], "packages", ("no_such_package",), raising=False)
    assert CONTESTANTS["yolo11n"].missing() == "not installed: no_such_package"


def test_photos_and_the_large_one(tmp_path: Path, photo: Path) -> None:
    with pytest.raises(ValueError, match="photos: expected some in"):
        chosen_photos(tmp_path.parent / "none", 2, tmp_path) if (tmp_path.parent / "none").mkdir() is None else None
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(photo.read_bytes())
    assert [path.name for path in chosen_photos(tmp_path, 3, tmp_path)] == ["0.png", "2.png", "photo.png"]
    (sample,) = chosen_photos(None, 3, tmp_path)
    assert Image.open(sample).size == (640, 427)
    assert Image.open(large_photo([sample], tmp_path)).size == LARGE


@pytest.mark.slow
def test_peak_memory_is_that_of_the_command(detector: SPPDetector, photo: Path) -> None:
    assert 1e8 < peak_bytes(detector, photo, 1) < 1e9
    with pytest.raises(RuntimeError, match="no image file at"):
        peak_bytes(detector, photo.parent / "none.png", 1)


def test_the_command(tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, plot = tmp_path / "detect.json", tmp_path / "detect.png"
    photos = tmp_path / "photos"
    photos.mkdir()
    photo.rename(photos / "photo.png")
    options = ["--contestants", "ours-bfloat16,yolo11n", "--repeats", "2", "--no-memory", "--photos", str(photos)]
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", "detect", *options, "--json", str(file), "--plot", str(plot)])
    assert not ended.value.code
    text = capsys.readouterr().out
    assert "ours-bfloat16" in text
    measured = DetectRecord.load(file)
    assert len(measured.contest.seconds["ours-bfloat16"]) == 2
    assert measured.photos == ["photo.png 120 x 90"]
    assert measured.machine["threads"] == torch.get_num_threads()
    assert sorted(measured.parts) == ["ours", "ours-selective-search"]
    assert measured.peak_bytes is None
    assert plot.stat().st_size > 1000


def test_a_run_that_has_not_learned_to_propose_is_refused(tmp_path: Path) -> None:
    from small_detectors import small_detector

    small_detector().save(tmp_path)
    with pytest.raises(ValueError, match="expected a detector with learned proposals, got one without"):
        learned_detector(tmp_path, 0)
