"""COCO's annotation files as tools write them: what can only mean one thing is read, and told."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_files import SIZE, annotation, coco_content, write_coco, write_image, write_voc

from spp_ops.datasets import DetectionImages, read_coco_categories, read_coco_detection, read_detection
from spp_ops.detection.detections import Detections
from spp_ops.detection.evaluation.evaluate import evaluate_detections

BOXES = [[[10, 12, 59, 51]], [[5.5, 6.25, 34.5, 25.25]], []]


def read(tmp_path: Path, content: dict[str, Any], **options: Any) -> tuple[DetectionImages, list[str]]:
    notices: list[str] = []
    path = write_coco(tmp_path / "set.json", content)
    return read_coco_detection(path, notice=notices.append, **options), notices


def change(name: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    def changed(content: dict[str, Any]) -> None:
        for key, value in values.items():
            if value is ...:
                content[name][0].pop(key)
            else:
                content[name][0][key] = value

    return changed


def text_ids(content: dict[str, Any]) -> None:
    for name, keys in {"images": ["id"], "annotations": ["image_id", "category_id"], "categories": ["id"]}.items():
        for entry in content[name]:
            entry.update({key: str(entry[key]) for key in keys})


def text_ids_of_objects_alone(content: dict[str, Any]) -> None:
    for entry in content["annotations"]:
        entry.update(image_id=str(entry["image_id"]), category_id=str(entry["category_id"]))


def ids_of_objects_twice(content: dict[str, Any]) -> None:
    content["annotations"][1]["id"] = 1


BY_NAME = "1 image found by its name, in another folder"
NO_SIZE = "1 image entry without a size "
AROUND = "1 box laid around an outline, "
POLYGONS = [[10, 12, 60, 12, 60, 52], [20, 20, 30, 20, 30, 25]]
MASK = {"size": [90, 120], "counts": [912, *[40, 50] * 49, 40, 5438]}

# How the file is changed; the notice, "" for none; what `strict` says, "" where it reads the same.
MENDED = {
    "text ids": (text_ids, "", ""),
    "uuid ids": (change("annotations", id="c33c3539-8bd1-48e0-8065-000000000000"), "", ""),
    "no ids": (change("annotations", id=...), "", ""),
    "other types": (text_ids_of_objects_alone, "4 ids given as texts here and as numbers", "image_id: no image '1'"),
    "ids twice": (ids_of_objects_twice, "1 object has the id of another; ", "its id comes twice"),
    "crowd text": (change("annotations", iscrowd="0"), "1 iscrowd given as a text, ", "iscrowd: expected 0 or 1"),
    "no crowd": (change("annotations", iscrowd=None), "", ""),
    "width alone": (change("images", height=...), NO_SIZE, "height: expected a whole number, got None"),
    "width null": (change("images", width=None), NO_SIZE, "width: expected a whole number, got None"),
    "width 0": (change("images", width=0, height=0), NO_SIZE, "width: expected a whole number, got 0"),
    "width float": (change("images", width=120.0, height=90.0), "", ""),
    "backslashes": (change("images", file_name=".\\a.jpg"), "", ""),
    "absolute": (change("images", file_name="/data/upload/1/a.jpg"), BY_NAME, "no image file at /data"),
    "windows": (change("images", file_name="C:\\data\\a.jpg"), BY_NAME, "no image file at "),
    "url": (change("images", file_name="https://x.org/up/a.jpg?sig=1%2F2"), BY_NAME, "no image file at "),
    "polygons": (change("annotations", bbox=[], segmentation=POLYGONS), AROUND, "bbox: expected x, y, width"),
    "mask": (change("annotations", bbox=..., segmentation=MASK), AROUND, "bbox: expected x, y, width"),
}


@pytest.mark.parametrize("case", MENDED)
def test_what_can_only_mean_one_thing_is_mended(tmp_path: Path, case: str) -> None:
    changed, notice, complaint = MENDED[case]
    content = coco_content()
    changed(content)
    images, notices = read(tmp_path, content)
    assert [objects.boxes.tolist() for objects in images.objects] == BOXES
    assert not any(objects.difficult.any() for objects in images.objects)
    assert images.classes == ("cat", "dog")
    assert [line[: len(notice)] for line in notices] == [notice] * bool(notice)
    if complaint:
        with pytest.raises(ValueError, match=r"set\.json:1: (images|annotations).*") as refused:
            read(tmp_path, content, strict=True)
        assert complaint in str(refused.value)
    else:
        assert read(tmp_path, content, strict=True)[1] == []


def test_ids_are_the_datas_own(tmp_path: Path) -> None:
    content = coco_content()
    text_ids(content)
    assert read(tmp_path, content)[0].ids == ("1", "2", "7")
    assert read_coco_categories(tmp_path / "set.json") == {"1": "cat", "3": "dog"}


@pytest.mark.parametrize("area", [math.nan, -5, 0, "large"])
def test_areas_are_worked_out_from_boxes(tmp_path: Path, area: Any) -> None:
    content = coco_content()
    content["annotations"][0]["area"] = area
    images, notices = read(tmp_path, content)
    assert images.objects[0].areas is not None
    assert images.objects[0].areas.tolist() == [2000]
    assert len(notices) == 1
    assert notices[0].startswith("1 area worked out from the box, as it is no positive number, at: ")
    with pytest.raises(ValueError, match="area: expected a positive number"):
        read(tmp_path, content, strict=True)


@pytest.mark.parametrize("name", ["train%202017/d%20%C3%A9.jpg", "train 2017\\d é.jpg"])
def test_names_that_are_encoded(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "train 2017" / "d é.jpg")
    content = coco_content()
    content["images"][0]["file_name"] = name
    images, notices = read(tmp_path, content)
    assert images.paths[0] == tmp_path / "train 2017" / "d é.jpg"
    assert notices == []


def test_a_name_that_several_files_have_is_not_guessed(tmp_path: Path) -> None:
    content = coco_content()
    content["images"][0]["file_name"] = "elsewhere/x.jpg"
    for folder in ("one", "two"):
        write_image(tmp_path / folder / "x.jpg")
    with pytest.raises(ValueError, match=r"no image file at .*x\.jpg, and 2 files of that name in other folders"):
        read(tmp_path, content)


@pytest.mark.parametrize("name", ["x" * 5000, "data:image/jpeg;base64," + "/9j/" * 3000, "nul\0.jpg"])
def test_names_that_no_system_has(tmp_path: Path, name: str) -> None:
    content = coco_content()
    content["images"][0]["file_name"] = name
    with pytest.raises(ValueError, match="images, id 1: no image file at"):
        read(tmp_path, content)


@pytest.mark.parametrize("count", [0, 1])
def test_images_without_objects_count(tmp_path: Path, count: int) -> None:
    content = coco_content()
    content["annotations"] = content["annotations"][:count]
    images, notices = read(tmp_path, content)
    assert images.ids == (1, 2, 7)
    assert sum(map(len, images.objects)) == count
    assert images.classes == ("cat", "dog")
    assert notices == []


def test_the_group_of_all_categories_is_left_out(tmp_path: Path) -> None:
    content = coco_content()
    content["categories"] = [{"id": 0, "name": "pets", "supercategory": "none"}] + [
        entry | {"supercategory": "pets"} for entry in content["categories"]
    ]
    images, notices = read(tmp_path, content)
    assert images.classes == ("cat", "dog")
    assert notices[0].startswith("1 category left out: no object is of it")
    content["annotations"][0]["category_id"] = 0  # now it is a class
    assert read(tmp_path, content)[0].classes == ("pets", "cat", "dog")


def test_categories_of_one_name_are_one_class(tmp_path: Path) -> None:
    content = coco_content()
    content["categories"][1]["name"] = "cat"
    images, notices = read(tmp_path, content)
    assert images.classes == ("cat",)
    assert [objects.labels.tolist() for objects in images.objects] == [[0], [0], []]
    assert "category of the same name" in notices[0]


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("result.json", "images"),  # Label Studio
        ("annotations/instances_default.json", "images"),  # CVAT
        ("annotations/instances_train2017.json", "train2017"),  # COCO
        ("annotations/instances_train.json", "images/train"),
        ("train/_annotations.coco.json", "train"),  # Roboflow
        ("annotations.json", "."),
    ],
)
def test_folders_of_tools(tmp_path: Path, file: str, folder: str) -> None:
    write_coco(tmp_path / file, coco_content(), tmp_path / folder)
    write_image(tmp_path / "elsewhere" / "a.jpg")  # not taken for the image
    split = "trainval" if "train" not in file else "train"
    notices: list[str] = []
    images = read_detection(tmp_path, split, notice=notices.append)
    assert images.paths[0] == tmp_path / folder / "a.jpg"
    assert [objects.boxes.tolist() for objects in images.objects] == BOXES
    assert notices == []


def test_splits_of_folders(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        write_coco(tmp_path / split / "_annotations.coco.json", coco_content())
    assert read_detection(tmp_path).paths[0].parent.name == "train"
    assert read_detection(tmp_path, "val").paths[0].parent.name == "valid"
    assert read_detection(tmp_path, purpose="test").paths[0].parent.name == "test"


def test_a_single_file_is_all_read_unless_a_share_is_kept(tmp_path: Path) -> None:
    path = write_coco(tmp_path / "set.json", coco_content())
    assert len(read_detection(path)) == 3
    assert len(read_detection(path, purpose="test")) == 3
    train, val = (read_detection(path, split, val_share=0.4) for split in ("train", "val"))
    assert sorted(train.ids + val.ids) == [1, 2, 7]  # type: ignore[type-var]
    assert train.classes == val.classes == ("cat", "dog")


def test_the_same_images_give_the_same_ap_as_voc(tmp_path: Path) -> None:
    content = coco_content()
    for entry in content["annotations"]:
        del entry["area"]
    content["annotations"][1]["bbox"] = [5, 6, 30, 20]
    content["annotations"].append({"image_id": 1, "category_id": 3, "bbox": [70, 40, 30, 30], "iscrowd": 1})
    coco, _ = read(tmp_path / "coco", content)
    tags = ("xmin", "ymin", "xmax", "ymax")

    def item(name: str, *corners: int, difficult: int = 0) -> str:
        inside = "".join(f"<{tag}>{corner}</{tag}>" for tag, corner in zip(tags, corners, strict=True))
        return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{inside}</bndbox></object>"

    texts = {
        "a": annotation(SIZE, item("cat", 11, 13, 60, 52), item("dog", 71, 41, 100, 70, difficult=1)),
        "b": annotation(SIZE, item("dog", 6, 7, 35, 26)),
        "c": annotation(SIZE),
    }
    voc = read_detection(write_voc(tmp_path / "voc", texts), "trainval", classes=("cat", "dog"))
    random = np.random.default_rng(0)
    found = []
    for objects in voc.objects:  # what is there, moved a little, and false ones: some on the image without objects
        boxes = np.concatenate([objects.boxes + random.integers(0, 5, objects.boxes.shape), [[3, 3, 40, 50]]])
        labels = np.concatenate([objects.labels, [random.integers(2)]])
        scores = random.random(len(labels)).astype(np.float32)
        found.append(Detections(boxes.astype(np.float32), scores, labels, ("cat", "dog")))
    assert evaluate_detections(voc, found).as_data() == evaluate_detections(coco, found).as_data()
    assert [objects.boxes.tolist() for objects in coco.objects] == [objects.boxes.tolist() for objects in voc.objects]
    without = voc.subset([0, 1])
    assert evaluate_detections(without, found[:2]).as_data() != evaluate_detections(voc, found).as_data()


def test_images_that_the_file_does_not_list_are_told(tmp_path: Path) -> None:
    write_image(tmp_path / "more.jpg")
    assert read(tmp_path, coco_content())[1] == [
        f"1 image beside the others is not in the file, at: {tmp_path / 'more.jpg'}"
    ]
