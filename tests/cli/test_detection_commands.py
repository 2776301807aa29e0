"""`detect` and `evaluate-detector` from files to files, and what they say to bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from launching import run_python
from PIL import Image
from pycocotools.coco import COCO
from scenes import read_scenes, scene_detector, write_scenes
from small_detectors import small_detector

from spp_ops.cli import main
from spp_ops.cli._findings import image_ids
from spp_ops.detection import ProposalConfig, SPPDetector
from spp_ops.detection.evaluation.evaluate import evaluate_detections


def spp_ops(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"), {"trainval": 2, "test": 5})


@pytest.fixture(scope="module")
def runs(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a and b can be combined; margin can not be combined with them; own finds windows itself."""
    folder = tmp_path_factory.mktemp("runs")
    config = scene_detector(scenes)
    settings = {"classes": config.classes, "proposals": config.proposals, "score_threshold": 0.2}
    small_detector(0, **settings).save(folder / "a")
    small_detector(1, **settings).save(folder / "b")
    small_detector(2, **(settings | {"score": "margin", "score_threshold": -1.0})).save(folder / "margin")
    own = ProposalConfig("selective-search-fast", side=80, limit=60)
    small_detector(0, **(settings | {"proposals": own})).save(folder / "own")
    return folder


@pytest.fixture(scope="module")
def photos(scenes: Path) -> list[Path]:
    return list(read_scenes(scenes, "test").paths)


def test_detect_writes_images_and_what_the_detector_finds(photos: list[Path], runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    result = spp_ops("detect", *photos, "--weights", runs / "own", "--out", out, "--score-threshold", 0.3)
    assert result.exit_code == 0, result.output
    content = json.loads((out / "detections.json").read_text())
    assert content["classes"] == ["blue", "red"]
    detector = SPPDetector.load(runs / "own").changed(score_threshold=0.3)
    for photo, entry in zip(photos, content["images"], strict=True):
        assert entry["image"] == str(photo)
        assert (entry["width"], entry["height"]) == Image.open(photo).size
        assert Image.open(out / entry["drawing"]).width >= 500
        for got, expected in zip(entry["objects"], detector.detect(photo).as_data(), strict=True):
            assert got["class"] == expected["class"]
            assert got["score"] == pytest.approx(expected["score"], abs=1e-5)
            assert got["box"] == pytest.approx(expected["box"], abs=1e-2)
    assert sum(len(entry["objects"]) for entry in content["images"]) > 5


def test_detect_keeps_sure_boxes_alone_unless_told_otherwise(photos: list[Path], runs: Path, tmp_path: Path) -> None:
    for run, threshold in (("own", 0.5), ("margin", 0.0)):
        out = tmp_path / run
        options = ["--proposals", "edge-boxes", "--windows", 50] if run == "margin" else []
        result = spp_ops("detect", *photos, "--weights", runs / run, "--out", out, "--no-images", *options)
        assert result.exit_code == 0, result.output
        assert sorted(file.name for file in out.iterdir()) == ["detections.json", "detections.jsonl"]
        entries = json.loads((out / "detections.json").read_text())["images"]
        scores = [each["score"] for entry in entries for each in entry["objects"]]
        assert all(score >= threshold for score in scores)
        assert all(entry["drawing"] is None for entry in entries)


def test_detect_in_cocos_format(photos: list[Path], runs: Path, tmp_path: Path) -> None:
    options = ["--format", "coco", "--score-threshold", 0.3, "--scales", "64", "--windows", 40]
    result = spp_ops("detect", *photos, "--weights", runs / "a", "--weights", runs / "b", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    truth = json.loads((tmp_path / "coco_images.json").read_text())
    (tmp_path / "coco_images.json").write_text(json.dumps({**truth, "annotations": []}))
    coco = COCO(str(tmp_path / "coco_images.json"))
    assert [coco.imgs[number]["file_name"] for number in coco.getImgIds()] == list(map(str, photos))
    loaded = coco.loadRes(str(tmp_path / "coco_results.json"))
    assert len(loaded.anns) > 0
    assert {coco.cats[each["category_id"]]["name"] for each in loaded.anns.values()} <= {"blue", "red"}


def test_ids_of_images() -> None:
    assert image_ids([Path("a/000139.jpg"), Path("a/12.jpg")]) == [139, 12]
    assert image_ids([Path("a/12.jpg"), Path("b/12.jpg")]) == [1, 2]
    assert image_ids([Path("a/12.jpg"), Path("b/x.jpg")]) == [1, 2]


@pytest.mark.parametrize("weights", [["a"], ["a", "b"]])
def test_evaluation_is_that_of_the_detectors_boxes(
    scenes: Path, runs: Path, tmp_path: Path, weights: list[str]
) -> None:
    given = [part for name in weights for part in ("--weights", runs / name)]
    files = ["--json", tmp_path / "e.json", "--plot", tmp_path / "e.png", "--results", tmp_path / "r.json"]
    result = spp_ops("evaluate-detector", scenes, *given, *files, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "paper" not in result.output
    figures = json.loads((tmp_path / "e.json").read_text())
    assert figures["images"] == 5
    assert len(figures["detectors"]) == len(weights)
    if len(weights) == 1:
        images = read_scenes(scenes, "test")
        detector = SPPDetector.load(runs / "a")
        expected = evaluate_detections(images, [detector.detect(path) for path in images.paths])
        assert figures["mean_ap_11_point"] == pytest.approx(expected.eleven_point, abs=1e-6)
        assert figures["coco"]["ap50"] == pytest.approx(expected.coco.ap50, abs=1e-6)
    assert len(json.loads((tmp_path / "r.json").read_text())) > 10
    assert Image.open(tmp_path / "e.png").size[0] > 500


def test_evaluation_of_cocos_layout_writes_its_ids(scenes: Path, runs: Path, tmp_path: Path) -> None:
    images = read_scenes(scenes, "test")
    content = {
        "images": [{"id": 100 + row, "file_name": path.name} for row, path in enumerate(images.paths)],
        "categories": [{"id": 7, "name": "blue"}, {"id": 3, "name": "red"}],
        "annotations": [
            {"id": 10 * row + place, "image_id": 100 + row, "category_id": (7, 3)[label], "iscrowd": 0}
            | {"bbox": [box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1]}
            for row, objects in enumerate(images.objects)
            for place, (box, label) in enumerate(zip(objects.boxes.tolist(), objects.labels.tolist(), strict=True), 1)
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    data = ["--format", "coco", "--images", scenes / "JPEGImages", "--annotations", tmp_path / "annotations.json"]
    files = ["--json", tmp_path / "coco.json", "--results", tmp_path / "r.json"]
    result = spp_ops("evaluate-detector", *data, "--weights", runs / "a", *files)
    assert result.exit_code == 0, result.output
    spp_ops("evaluate-detector", scenes, "--weights", runs / "a", "--json", tmp_path / "voc.json")
    coco, voc = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("coco", "voc"))
    assert coco["classes"] == voc["classes"]
    results = json.loads((tmp_path / "r.json").read_text())
    assert {each["category_id"] for each in results} == {3, 7}
    assert {each["image_id"] for each in results} <= set(range(100, 105))


def test_two_processes_print_one_table(scenes: Path, runs: Path, tmp_path: Path) -> None:
    command = ["-m", "spp_ops", "evaluate-detector", scenes, "--weights", runs / "a", "--device", "cpu"]
    spp_ops(*command[2:], "--json", tmp_path / "one.json")
    done = run_python(*command, "--json", tmp_path / "two.json", processes=2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("mean average precision") == 1
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one["classes"] == two["classes"]


def test_bad_images_are_skipped_by_name_where_that_is_asked_for(photos: list[Path], runs: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    arguments = ["detect", bad, photos[0], "--weights", runs / "a", "--out", tmp_path / "out"]
    refused = spp_ops(*arguments)
    assert refused.exit_code == 2
    assert "1 of 2 images can't be used: cannot read image" in refused.stderr
    skipped = spp_ops(*arguments, "--bad-images", "skip")
    assert skipped.exit_code == 0, skipped.output
    assert "bad.png" in skipped.output.replace("\n", "")
    assert len(json.loads((tmp_path / "out" / "detections.json").read_text())["images"]) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["detect", "none.jpg", "--weights", "RUNS/a", "--out", "OUT"], "no image file at none.jpg"),
        (["detect", "PHOTO", "--weights", "RUNS/c", "--out", "OUT"], "no detector at"),
        (["detect", "PHOTO", "--weights", "RUNS/a", "--weights", "RUNS/margin", "--out", "OUT"], "the same score"),
        (["detect", "PHOTO", "--weights", "RUNS/a", "--out", "PHOTO"], "out: cannot write to"),
        (["detect", "PHOTO", "--weights", "RUNS/a", "--out", "OUT", "--scales", "0"], "scales: expected one or more"),
        (
            ["detect", "PHOTO", "--weights", "RUNS/a", "--out", "OUT", "--proposals", "grid"],
            "expected one of selective",
        ),
        (["detect", "PHOTO", "--weights", "RUNS/a", "--out", "OUT", "--score-threshold", "nan"], "score_threshold"),
        (["detect", "--weights", "RUNS/a", "--out", "OUT"], "Missing argument"),
        (
            ["evaluate-detector", "DATA", "--weights", "RUNS/a", "--split", "val"],
            "no split val; there are test, trainval",
        ),
        (["evaluate-detector", "--weights", "RUNS/a"], "DATA: expected a folder"),
        (["evaluate-detector", "DATA", "--weights", "RUNS/a", "--images", "DATA"], "--images: not used with"),
        (["evaluate-detector", "DATA", "--weights", "RUNS/a", "--iou", "0"], "--iou"),
        (["evaluate-detector", "DATA", "--weights", "RUNS/a", "--plot", "OUT/x.doc"], "plot: expected a name ending"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    scenes: Path, photos: list[Path], runs: Path, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    places = {"DATA": scenes, "RUNS": runs, "OUT": tmp_path / "out", "PHOTO": photos[0]}

    def placed(argument: str) -> str:
        first, _, rest = argument.partition("/")
        return str(places[first] / rest if rest else places[first]) if first in places else argument

    result = spp_ops(*map(placed, arguments), "--device", "cpu")
    assert result.exit_code == 2, result.output
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_damaged_run_is_one_line(photos: list[Path], runs: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(runs / "a", tmp_path / "run"))
    (copy / "detector.safetensors").write_bytes(b"\0" * 100)
    result = spp_ops("detect", photos[0], "--weights", copy, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "detector.safetensors is damaged" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_of_boxes_is_known_by_its_whole_path(
    scenes: Path, photos: list[Path], runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps({path.name: [[0, 0, 30, 30]] for path in photos}))
    monkeypatch.chdir(tmp_path)
    given = ["--proposals", "boxes.json", "--out", "found", "--no-images"]
    assert spp_ops("detect", photos[0].absolute(), "--weights", runs / "own", *given).exit_code == 0
    header = json.loads((tmp_path / "found" / "detections.jsonl").read_text().splitlines()[0])
    assert header["detectors"][0]["proposals"]["file"] == str(tmp_path / "boxes.json")
    for name, complaint in (("none.json", "no file of boxes at none.json"), ("boxes.txt", "a file ending in .npz")):
        refused = spp_ops("detect", photos[0], "--weights", runs / "own", "--proposals", name, "--out", "other")
        assert refused.exit_code == 2
        assert "'--proposals'" in refused.stderr
        assert complaint in refused.stderr
