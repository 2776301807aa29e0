"""`detect` loses nothing: neither the user's files, nor what was found before it was stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from small_detectors import photo, small_detector

from spp_ops.cli import main
from spp_ops.detection import ProposalConfig
from spp_ops.engine.lines import JsonLines

LETTER = "\u4e2d"  # three bytes in a file's name
FOUND = ("detections.json", "detections.jsonl")


def detect(*arguments: object, **options: object) -> Result:
    return CliRunner().invoke(main, ["detect", *map(str, arguments)], **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    small_detector(proposals=ProposalConfig("edge-boxes", side=80, limit=20), score_threshold=0.2).save(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        Image.fromarray(photo(seed=seed)).save(folder / f"{seed}.jpg")
    return sorted(folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_of_the_photos_may_be_named_and_keeps_them(
    photos: list[Path], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photos[0].parent
    monkeypatch.chdir(folder)
    before = contents(folder)
    for out, place in ((".", folder / "detections"), (folder, folder.parent / "photos-2")):
        result = detect("0.jpg", "--weights", run, "--out", out)
        assert result.exit_code == 0, result.output
        assert str(place.name) in result.output
        assert sorted(path.name for path in place.iterdir()) == ["0.jpg", *FOUND]
        if out == ".":
            shutil.rmtree(place)
        assert contents(folder) == before


def test_each_run_has_its_folder(photos: list[Path], run: Path, tmp_path: Path) -> None:
    for name in ("found", "found-2", "found-3"):
        assert detect(photos[0], "--weights", run, "--out", tmp_path / "found").exit_code == 0
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["0.jpg", *FOUND]


def test_overwrite_replaces_the_files_of_a_run_and_no_others(photos: list[Path], run: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    assert detect(*photos[:2], "--weights", run, "--out", out).exit_code == 0
    (out / "notes.txt").write_text("mine")
    result = detect(photos[2], "--weights", run, "--out", out, "--overwrite")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["2.jpg", *FOUND, "notes.txt"]
    assert not (tmp_path / "found-2").exists()
    before = contents(out)
    drawn = detect(out / "2.jpg", "--weights", run, "--out", out, "--overwrite")
    assert drawn.exit_code == 2
    assert "is to be read, and a result of the run" in drawn.stderr
    assert contents(out) == before
    other = detect(photos[2], "--weights", run, "--out", photos[0].parent, "--overwrite")
    assert other.exit_code == 2
    assert "holds no detections.jsonl" in other.stderr


def test_a_stopped_run_goes_on_where_it_was(photos: list[Path], run: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    given = [*photos, "--weights", run, "--score-threshold", 0.2, "--out", out]
    assert detect(*given).exit_code == 0
    whole = contents(out)
    assert sum(len(image["objects"]) for image in json.loads(whole["detections.json"])["images"]) > 0
    # As a process killed while it wrote the third line leaves it, with one drawing gone.
    lines = whole["detections.jsonl"].split(b"\n")
    (out / "detections.jsonl").write_bytes(b"\n".join(lines[:3]) + b"\n" + lines[3][:20])
    for name in ("1.jpg", "2.jpg", "3.jpg", "detections.json"):
        (out / name).unlink()
    (out / ".1-ab12cd34.jpg").write_bytes(b"half a drawing")
    result = detect(*given)
    assert result.exit_code == 0, result.output
    assert "2 images are there" in result.output
    assert contents(out) == whole
    assert not (tmp_path / "found-2").exists()


def test_a_stopped_run_of_another_kind_stays_as_it_is(photos: list[Path], run: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    assert detect(*photos[:2], "--weights", run, "--out", out).exit_code == 0
    (out / "detections.json").unlink()
    before = contents(out)
    assert detect(photos[2], "--weights", run, "--out", out).exit_code == 0
    assert contents(out) == before
    assert (tmp_path / "found-2" / "detections.json").is_file()
    refused = detect(*photos[:2], "--weights", run, "--out", out, "--resume", "--score-threshold", 0.9)
    assert refused.exit_code == 2
    assert "resume: the run in" in refused.stderr
    assert detect(*photos, "--weights", run, "--out", out, "--resume").exit_code == 0
    assert len(json.loads((out / "detections.json").read_text())["images"]) == 4
    nothing = detect(photos[0], "--weights", run, "--out", tmp_path / "none", "--resume")
    assert nothing.exit_code == 2
    assert "holds no detections.jsonl" in nothing.stderr


def test_boxes_are_kept_when_a_drawing_fails(
    photos: list[Path], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spp_ops.detection.visualize.draw_detections", full)
    result = detect(photos[0], "--weights", run, "--out", tmp_path / "found")
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    _, line = (tmp_path / "found" / "detections.jsonl").read_text().splitlines()
    assert json.loads(line)["image"] == str(photos[0])


def test_drawings_of_namesakes_and_long_names(run: Path, tmp_path: Path) -> None:
    names = (
        "a/1.jpg",
        "b/1.JPG",
        "1_2.jpg",
        "b/1.png",
        f"{'x' * 240}.jpeg",
        LETTER * 80 + ".tif",
        "c/photo [copy].bmp",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(photo()).save(tmp_path / name)
    result = detect(*(tmp_path / name for name in names), "--weights", run, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    images = json.loads((tmp_path / "out" / "detections.json").read_text())["images"]
    assert [Path(image["image"]).name for image in images] == [Path(name).name for name in names]
    drawn = [image["drawing"] for image in images]
    assert drawn == [
        *("1.jpg", "1_2.jpg", "1_2_2.jpg", "1.png", f"{'x' * 200}.jpeg", LETTER * 66 + ".jpg", "photo [copy].jpg")
    ]
    formats = [Image.open(tmp_path / "out" / name).format for name in drawn]
    assert formats == ["JPEG", "JPEG", "JPEG", "PNG", "JPEG", "JPEG", "JPEG"]


def test_folders_patterns_and_standard_input(photos: list[Path], run: Path, tmp_path: Path) -> None:
    folder = photos[0].parent
    (folder / "notes.txt").touch()
    (folder / "below").mkdir()
    shutil.copy(photos[0], folder / "below" / "9.jpg")
    options = ["--weights", run, "--json-lines"]
    images = {
        "folder": detect(folder, *options),
        "pattern": detect(folder / "**" / "[0-9].jpg", *options),
        "lines": detect("-", *options, input=f"{photos[0]}\n{photos[1]}\n"),
    }
    for name, result in images.items():
        assert result.exit_code == 0, result.output
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(rows) == (2 if name == "lines" else 5)
        assert rows[0]["image"] == str(photos[0])
        assert set(rows[0]) == {"image", "width", "height", "objects"}
        assert " images a second" in result.stderr
    assert "1 file left out, as its name does not end as images' do, at: " in images["folder"].stderr


def test_frames_of_a_video(run: Path, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 5, (80, 60))
    for seed in range(3):
        writer.write(np.ascontiguousarray(photo(60, 80, seed)[:, :, ::-1]))
    writer.release()
    out = tmp_path / "out"
    result = detect(tmp_path / "clip.avi", "--weights", run, "--out", out, "--score-threshold", 0.2)
    assert result.exit_code == 0, result.output
    images = json.loads((out / "detections.json").read_text())["images"]
    assert [image["frame"] for image in images] == [0, 1, 2]
    assert [image["drawing"] for image in images] == [f"clip_{frame:06d}.jpg" for frame in range(3)]
    assert (images[0]["width"], images[0]["height"]) == (80, 60)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["none.jpg", "--out", "OUT"], "no image file at none.jpg"),
        (["none*.jpg", "--out", "OUT"], "no image file fits none*.jpg"),
        (["EMPTY", "--out", "OUT"], "images: expected some in"),
        (["CLIP", "--out", "OUT"], "images: cannot open video"),
        (["99", "--out", "OUT"], "images: cannot open camera 99"),
        (["PHOTO"], "out: expected a folder for what is found, or --json-lines"),
        (["PHOTO", "--json-lines", "--resume"], "out: expected a folder for what is found"),
    ],
)
def test_bad_sources(photos: list[Path], run: Path, tmp_path: Path, arguments: list[str], complaint: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    places = {"OUT": "out", "EMPTY": "empty", "CLIP": "clip.mp4", "PHOTO": "photos/0.jpg"}
    result = detect(*(tmp_path / places[each] if each in places else each for each in arguments), "--weights", run)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_images_with_something_missing(run: Path, tmp_path: Path) -> None:
    Image.fromarray(photo()).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:-2])
    given = [tmp_path / "cut.jpg", tmp_path / "whole.jpg", "--weights", run, "--json-lines"]
    refused = detect(*given)
    assert refused.exit_code == 2
    assert "1 of 2 images can't be used: cannot read image" in refused.stderr
    assert not refused.stdout
    skipped = detect(*given, "--bad-images", "skip")
    assert [Path(json.loads(line)["image"]).name for line in skipped.stdout.splitlines()] == ["whole.jpg"]
    assert skipped.stderr.count("skipped: ") == 1
    read = detect(*given, "--read-truncated")
    assert [json.loads(line)["image"][-7:] for line in read.stdout.splitlines()] == ["cut.jpg", "ole.jpg"]
    assert "1 truncated image read as far as it goes" in read.stderr
    streamed = detect("-", *given[2:], "--bad-images", "skip", input=f"{given[0]}\n{given[1]}\n")
    assert len(streamed.stdout.splitlines()) == 1
    assert streamed.stderr.count("skipped: ") == 1


def test_two_processes_do_not_share_a_folder(photos: list[Path], run: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    given = [*photos, "--weights", run, "--out", out]
    assert detect(*given).exit_code == 0
    (out / "detections.json").unlink()
    before = contents(out)
    working = JsonLines.read(out / "detections.jsonl")
    assert detect(*given).exit_code == 0
    assert (tmp_path / "found-2" / "detections.json").is_file()
    for option in ("--resume", "--overwrite"):
        refused = detect(*given, option)
        assert refused.exit_code == 2
        assert "detections.jsonl is being written by another process" in refused.stderr
    assert contents(out) == before
    working.close()
    assert "4 images are there" in detect(*given).output


def test_a_stopped_run_in_a_numbered_folder_goes_on(photos: list[Path], run: Path, tmp_path: Path) -> None:
    out = photos[0].parent
    given = [*photos, "--weights", run, "--out", out]
    assert detect(*given).exit_code == 0
    numbered = tmp_path / "photos-2"
    (numbered / "detections.json").unlink()
    result = detect(*given)
    assert result.exit_code == 0, result.output
    assert "4 images are there" in result.output
    assert (numbered / "detections.json").is_file()
    assert not (tmp_path / "photos-3").exists()
