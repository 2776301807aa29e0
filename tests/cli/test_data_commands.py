"""The detection commands on data of every format: trained on, validated on, tested on, detected under its own ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from scenes import WINDOWS, read_scenes, scene_detector, write_scenes
from small_detectors import small_detector

from spp_ops.cli import main
from spp_ops.datasets import DetectionImages
from spp_ops.detection.joint import JointCheckpoint

_OPTIONS = "--arch small5 --levels 2,1 --hidden 8 --scales 96 --epochs 1 --images-per-step 4 --windows-per-image 8"


def spp_ops(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"), {"trainval": 4, "test": 2})


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = scene_detector(scenes)
    folder = tmp_path_factory.mktemp("runs") / "a"
    small_detector(0, classes=config.classes, proposals=config.proposals, score_threshold=0.2).save(folder)
    return folder


def as_coco(scenes: Path, root: Path) -> Path:
    """Roboflow's folders."""
    for split, folder in (("trainval", "train"), ("test", "valid")):
        images = read_scenes(scenes, split)
        objects = [
            {"id": f"{row}-{place}", "image_id": f"image {row}", "category_id": (3, 7)[label]}
            | {"bbox": [box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1]}
            for row, each in enumerate(images.objects)
            for place, (box, label) in enumerate(zip(each.boxes.tolist(), each.labels.tolist(), strict=True))
        ]
        content = {
            "images": [{"id": f"image {row}", "file_name": path.name} for row, path in enumerate(images.paths)],
            "categories": [{"id": 7, "name": "red"}, {"id": 3, "name": "blue"}],
            "annotations": objects,
        }
        _copy(images, root / folder)
        (root / folder / "_annotations.coco.json").write_text(json.dumps(content))
    return root


def as_yolo(scenes: Path, root: Path) -> Path:
    """Ultralytics' folders."""
    for split, folder in (("trainval", "train"), ("test", "val")):
        images = read_scenes(scenes, split)
        _copy(images, root / "images" / folder)
        (root / "labels" / folder).mkdir(parents=True)
        for path, objects in zip(images.paths, images.objects, strict=True):
            width, height = Image.open(path).size
            boxes = (objects.boxes + np.array([0, 0, 1, 1])) / [width, height, width, height]
            rows = np.column_stack([objects.labels, (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]])
            lines = [f"{int(row[0])} {' '.join(f'{value:.10f}' for value in row[1:])}\n" for row in rows]
            (root / "labels" / folder / f"{path.stem}.txt").write_text("".join(lines))
    (root / "data.yaml").write_text("path: .\ntrain: images/train\nval: images/val\nnames: [blue, red]\n")
    return root


def as_csv(scenes: Path, root: Path) -> Path:
    """Files of rows."""
    for split, name in (("trainval", "train"), ("test", "val")):
        images = read_scenes(scenes, split)
        _copy(images, root / name)
        rows = [
            f"{name}/{path.name},{box[0]},{box[1]},{box[2] + 1},{box[3] + 1},{('blue', 'red')[label]}\n"
            for path, objects in zip(images.paths, images.objects, strict=True)
            for box, label in zip(objects.boxes.tolist(), objects.labels.tolist(), strict=True)
        ]
        (root / f"{name}.csv").write_text("".join(rows))
    return root


def _copy(images: DetectionImages, folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in images.paths:
        shutil.copy(path, folder)


@pytest.mark.parametrize("write", [as_coco, as_yolo, as_csv])
def test_every_format_trains_validates_and_tests_as_voc_does(scenes: Path, tmp_path: Path, write: object) -> None:
    data = write(scenes, tmp_path / "data")  # type: ignore[operator]
    results = {}
    for name, place, splits in (("voc", scenes, ["--val-split", "test"]), ("other", data, ["--val-split", "val"])):
        out = tmp_path / name
        arguments = [
            place,
            "--out",
            out,
            "--proposals",
            scenes / WINDOWS,
            *_OPTIONS.split(),
            "--device",
            "cpu",
            *splits,
        ]
        result = spp_ops("train-detector", *arguments)
        assert result.exit_code == 0, result.output
        assert f"{place} (" in result.output
        assert result.output.count(" images; objects: ") == 2
        checkpoint = JointCheckpoint.load(out)
        test = spp_ops("evaluate-detector", place, "--weights", out, "--json", tmp_path / f"{name}.json")
        assert test.exit_code == 0, test.output
        figures = json.loads((tmp_path / f"{name}.json").read_text())
        results[name] = checkpoint.history[0]["val_map"], figures["classes"]
    assert results["other"][0] == pytest.approx(results["voc"][0], abs=1e-6)
    for name, figures in results["voc"][1].items():
        assert results["other"][1][name]["objects"] == figures["objects"]
        assert results["other"][1][name]["ap_11_point"] == pytest.approx(figures["ap_11_point"], abs=1e-4)


def test_a_file_alone_is_validated_on_another_file(scenes: Path, tmp_path: Path) -> None:
    data = as_coco(scenes, tmp_path / "data")
    train, valid = (data / split / "_annotations.coco.json" for split in ("train", "valid"))
    arguments = ["--proposals", scenes / WINDOWS, *_OPTIONS.split(), "--device", "cpu"]
    for extra in (["--val-annotations", valid], ["--val-share", 0.25]):
        out = tmp_path / str(extra[0])
        result = spp_ops("train-detector", "--annotations", train, "--out", out, *arguments, *extra)
        assert result.exit_code == 0, result.output
        assert "val_map" in JointCheckpoint.load(out).history[0]
    assert "train (without 25% of all, at random with seed 0): 3 images" in result.output
    assert "val (25% of all, at random with seed 0): 1 image;" in result.output


def test_training_without_an_object_is_refused(scenes: Path, tmp_path: Path) -> None:
    data = as_coco(scenes, tmp_path / "data")
    file = data / "train" / "_annotations.coco.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"annotations": []}))
    result = spp_ops("train-detector", data, "--out", tmp_path / "run", *_OPTIONS.split())
    assert result.exit_code == 2
    assert "expected objects to learn from, found none in 4 images" in result.stderr


@pytest.mark.parametrize("pipeline", ["joint", "staged"])
def test_images_without_objects_are_trained_on(scenes: Path, tmp_path: Path, pipeline: str) -> None:
    data = Path(shutil.copytree(scenes, tmp_path / "data"))
    first = (data / "ImageSets" / "Main" / "trainval.txt").read_text().split()[0]
    (data / "Annotations" / f"{first}.xml").unlink()
    own = (
        _OPTIONS.split()
        if pipeline == "joint"
        else ["--arch", "small5", "--levels", "2,1", "--hidden", "8", "--scales", "96"]
    )
    arguments = ["--pipeline", pipeline, "--proposals", scenes / WINDOWS, *own, "--device", "cpu"]
    result = spp_ops("train-detector", data, "--out", tmp_path / "run", *arguments)
    assert result.exit_code == 0, result.output
    assert "trainval: 4 images (1 without objects)" in result.output
    assert "1 image without an annotation counts as one without objects" in result.output


def test_a_set_of_images_without_objects_is_tested_on(scenes: Path, run: Path, tmp_path: Path) -> None:
    data = as_coco(scenes, tmp_path / "data")
    file = data / "valid" / "_annotations.coco.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"annotations": []}))
    result = spp_ops("evaluate-detector", data, "--weights", run, "--json", tmp_path / "e.json")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "e.json").read_text())
    assert figures["mean_ap_11_point"] is None
    assert figures["classes"]["blue"]["objects"] == 0


def test_detect_writes_results_under_the_datas_own_ids(scenes: Path, run: Path, tmp_path: Path) -> None:
    data = as_coco(scenes, tmp_path / "data")
    images = sorted((data / "valid").glob("*.png"))
    annotations = data / "valid" / "_annotations.coco.json"
    options = ["--weights", run, "--out", tmp_path / "out", "--score-threshold", 0.2, "--annotations", annotations]
    result = spp_ops("detect", *images, *options)
    assert result.exit_code == 0, result.output
    results = json.loads((tmp_path / "out" / "coco_results.json").read_text())
    assert {each["image_id"] for each in results} <= {"image 0", "image 1"}
    assert {each["category_id"] for each in results} <= {3, 7}
    assert len(results) > 0
    told = json.loads((tmp_path / "out" / "coco_images.json").read_text())
    assert [each["id"] for each in told["images"]] == ["image 0", "image 1"]
    assert told["categories"] == [{"id": 3, "name": "blue"}, {"id": 7, "name": "red"}]
    assert spp_ops("evaluate-detector", data, "--weights", run, "--results", tmp_path / "r.json").exit_code == 0
    tested = json.loads((tmp_path / "r.json").read_text())
    boxes = {(each["image_id"], each["category_id"], *np.round(each["bbox"], 3)) for each in tested}
    assert {(each["image_id"], each["category_id"], *np.round(each["bbox"], 3)) for each in results} <= boxes


def test_detect_refuses_images_and_classes_that_the_data_lacks(scenes: Path, run: Path, tmp_path: Path) -> None:
    data = as_coco(scenes, tmp_path / "data")
    annotations = data / "valid" / "_annotations.coco.json"
    other = read_scenes(scenes).paths[0]
    options = ["--weights", run, "--out", tmp_path / "out", "--annotations", annotations]
    result = spp_ops("detect", other, *options)
    assert result.exit_code == 2
    assert f"{other}: expected an image of {annotations}, which has none of that name" in result.stderr
    content = json.loads(annotations.read_text())
    annotations.write_text(json.dumps(content | {"categories": [{"id": 7, "name": "red"}], "annotations": []}))
    result = spp_ops("detect", data / "valid", *options)
    assert result.exit_code == 2
    assert "no category blue of the detector; there are red" in result.stderr
    assert not (tmp_path / "out").exists()
