"""COCO's detection task: what is read, and that what is wrong is named with its file, line and id."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from spp_ops.datasets import read_coco_categories, read_coco_detection
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.json_lists import read_json_lists

# Line 1 is the opening bracket; each entry below has a line of its own.
IMAGES = [
    {"id": 70, "file_name": "a.png", "width": 40, "height": 30},
    {"id": 7, "file_name": "deep/b.png", "width": 40, "height": 30},
    {"id": 9, "file_name": "c.png"},
]
OBJECTS = [
    {"id": 1, "image_id": 7, "category_id": 18, "bbox": [10, 5, 20, 15], "area": 250.5, "iscrowd": 0},
    {"id": 2, "image_id": 70, "category_id": 3, "bbox": [0, 0, 40, 30], "iscrowd": 1},
    {"id": 3, "image_id": 7, "category_id": 3, "bbox": [0.25, 0, 3.5, 2], "area": 7, "iscrowd": 0},
]
CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}]


def save(path: Path, lists: dict[str, list[Any]]) -> None:
    rows = [
        f'"{name}": [\n' + ",\n".join(json.dumps(entry) for entry in entries) + "\n]" for name, entries in lists.items()
    ]
    path.write_text('{"info": {"year": 2020, "lists": []},\n' + ",\n".join(rows) + "}")


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, list[Any]]:
    """What the annotation file holds; three images of 40 x 30 are there."""
    for image in IMAGES:
        path = tmp_path / image["file_name"]
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 30)).save(path)
    lists = {"images": IMAGES, "annotations": OBJECTS, "categories": CATEGORIES}
    return json.loads(json.dumps(lists))


def read(tmp_path: Path, lists: dict[str, list[Any]], **options: Any) -> DetectionImages:
    save(tmp_path / "set.json", lists)
    return read_coco_detection(tmp_path / "set.json", tmp_path, **options)


def read_skipping(tmp_path: Path, lists: dict[str, list[Any]], **options: Any) -> tuple[DetectionImages, list[str]]:
    notices: list[str] = []
    return read(tmp_path, lists, on_bad="skip", notice=notices.append, **options), notices


def test_images_boxes_crowds_and_areas(tmp_path: Path, lists: dict[str, list[Any]]) -> None:
    images = read(tmp_path, lists)
    assert images.ids == (70, 7, 9)
    assert images.names == ("a", "b", "c")
    assert images.paths[1] == tmp_path / "deep" / "b.png"
    assert images.classes == ("car", "dog")  # in the order of ids
    assert [len(objects) for objects in images.objects] == [1, 2, 0]
    assert images.objects[1].boxes.tolist() == [[10, 5, 29, 19], [0.25, 0, 2.75, 1]]
    assert images.objects[1].labels.tolist() == [1, 0]
    assert images.objects[1].areas is not None
    assert images.objects[1].areas.tolist() == [250.5, 7]
    assert images.objects[0].difficult.tolist() == [True]
    assert images.objects[0].areas is not None
    assert images.objects[0].areas.tolist() == [1200]
    assert images.objects[2].boxes.shape == (0, 4)
    assert read_coco_categories(tmp_path / "set.json") == {3: "car", 18: "dog"}


def test_an_outline_may_end_a_fraction_past_the_edge(tmp_path: Path, lists: dict[str, list[Any]]) -> None:
    lists["annotations"][0]["bbox"] = [-0.5, 5, 40.75, 25.5]
    assert read(tmp_path, lists).objects[1].boxes[0].tolist() == [0, 5, 39, 29]


def test_an_unknown_class_is_named_once(tmp_path: Path, lists: dict[str, list[Any]]) -> None:
    with pytest.raises(
        ValueError, match=r"set\.json:9: annotations, id 2: unknown class 'car' \(2 objects\); the classes are dog$"
    ):
        read(tmp_path, lists, classes=("dog",))
    images, notices = read_skipping(tmp_path, lists, classes=("dog",))
    assert len(notices) == 1
    assert [len(objects) for objects in images.objects] == [0, 1, 0]


# In which list, which row, what is put there; the line, the id and the complaint.
BAD_OBJECTS = [
    ({"bbox": [10, 5, 0, 15]}, "no pixel is inside"),
    ({"bbox": [10, 5, -3, 15]}, "no pixel is inside"),
    ({"bbox": [30, 5, 31, 15]}, "not inside the image, which is 40 x 30"),
    ({"bbox": [-11, 5, 20, 15]}, "not inside the image"),
    ({"bbox": [10, 5, float("nan"), 15]}, "expected finite numbers"),
    ({"bbox": [10, 5, 20]}, "bbox: expected x, y, width and height"),
    ({"bbox": "large"}, "bbox: expected x, y, width and height"),
    ({"iscrowd": 2}, "iscrowd: expected 0 or 1, got 2"),
    ({"image_id": 8}, "no image 8 in the file"),
    ({"image_id": "seven"}, "image_id: no image 'seven' in the file"),
    ({"image_id": [7]}, "image_id: expected a number or a text, got"),
    ({"category_id": 4}, "no category 4 in the file"),
]


@pytest.mark.parametrize(("change", "complaint"), BAD_OBJECTS)
def test_bad_objects(tmp_path: Path, lists: dict[str, list[Any]], change: dict[str, Any], complaint: str) -> None:
    lists["annotations"][2].update(change)
    with pytest.raises(ValueError, match=rf"set\.json:10: annotations, id 3: .*{complaint}"):
        read(tmp_path, lists)
    images, notices = read_skipping(tmp_path, lists)
    assert [len(objects) for objects in images.objects] == [1, 1, 0]
    assert len(notices) == 1


def test_ids_that_come_twice(tmp_path: Path, lists: dict[str, list[Any]]) -> None:
    lists["annotations"][2]["id"] = 1
    lists["images"][2]["id"] = 70
    complaint = r"set\.json:5: images, id 70: its id comes twice; .*set\.json:10: annotations, id 1: its id comes twice"
    with pytest.raises(ValueError, match=complaint):
        read(tmp_path, lists, strict=True)
    images, notices = read_skipping(tmp_path, lists)
    assert images.ids == (70, 7)
    assert len(images.objects[1]) == 2  # an object needs no id
    assert "1 object has the id of another" in notices[0]


BAD_IMAGES: list[tuple[dict[str, Any], str]] = [
    ({"file_name": "none.png"}, "no image file at .*none.png"),
    ({"file_name": None}, "file_name: expected a path, got None"),
    ({"height": 31}, "size 40 x 31, but the image is 40 x 30"),
    ({"height": 30.5}, "height: expected a whole number, got 30.5"),
    ({"file_name": "broken.png"}, "cannot read image .*broken.png"),
]


@pytest.mark.parametrize(("change", "complaint"), BAD_IMAGES)
def test_bad_images(tmp_path: Path, lists: dict[str, list[Any]], change: dict[str, Any], complaint: str) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no more")
    lists["images"][0].update(change)
    with pytest.raises(ValueError, match=rf"set\.json:3: images, id 70: {complaint}"):
        read(tmp_path, lists)
    if "file_name" not in change or change["file_name"] is not None:
        images, notices = read_skipping(tmp_path, lists)
        assert images.ids == (7, 9)
        skipped = [line for line in notices if line.startswith("skipped: ")]
        assert len(skipped) == 1  # the objects of an image that is skipped go with it


@pytest.mark.parametrize("name", ["images", "annotations", "categories"])
@pytest.mark.parametrize("spoil", [lambda lists, name: lists.pop(name), lambda lists, name: lists[name].clear()])
def test_missing_and_empty_lists(
    tmp_path: Path, lists: dict[str, list[Any]], name: str, spoil: Callable[[dict[str, list[Any]], str], None]
) -> None:
    spoil(lists, name)
    if lists.get(name) == [] and name == "annotations":
        assert list(map(len, read(tmp_path, lists).objects)) == [0, 0, 0]
        return
    with pytest.raises(ValueError, match=rf"set\.json: expected a list of {name}, found none"):
        read(tmp_path, lists, on_bad="skip")


def test_entries_and_categories_of_other_kinds(tmp_path: Path, lists: dict[str, list[Any]]) -> None:
    lists["categories"][1]["name"] = "dog"
    with pytest.raises(ValueError, match=r"set\.json:14: expected a category .*got id 3 and name 'dog'"):
        read(tmp_path, lists, strict=True)
    lists["images"][1] = 5
    lists["categories"][1]["name"] = "car"
    with pytest.raises(ValueError, match=r"set\.json:4: expected an object in images, got 5"):
        read(tmp_path, lists)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "1: not as JSON should be: expected {"),
        ("[1, 2]", "1: not as JSON should be: expected {"),
        ('{"images": [\n{"id": 1},\n{"id": }]}', "3: not as JSON should be: Expecting value"),
        ('{"images": [\n{"id": 1}\n{"id": 2}]}', "3: not as JSON should be: expected ]"),
        ('{"images": []} \n\n more', "3: not as JSON should be: expected the end"),
        ('{"images": [],\n}', "2: not as JSON should be: Expecting value"),
        ("{[5]: []}", "1: not as JSON should be: expected a name"),
        ('{"images" []}', "1: not as JSON should be: expected :"),
        ("[" * 100_000, "1: not as JSON should be: expected {"),
        ('{"a": ' + "[" * 100_000, " not as JSON should be: maximum recursion depth"),
    ],
)
def test_text_that_is_no_json(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(ValueError, match=r"set\.json:" + complaint.replace("[", r"\[")):
        read_coco_detection(tmp_path / "set.json", tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file at .*set\.json"):
        read_coco_detection(tmp_path / "set.json", tmp_path)


def test_lists_are_what_the_json_module_reads(tmp_path: Path) -> None:
    content = {"a": [1, "x[{,", None, [2, [3]], {"b": [4]}], "skipped": {"c": [5]}, "d": [], "e": 1.5, "f": [-2e3]}
    for indent in (None, 2):
        text = json.dumps(content, indent=indent)
        (tmp_path / "f.json").write_text(text)
        read = read_json_lists(tmp_path / "f.json")
        assert read.lists == {name: value for name, value in content.items() if isinstance(value, list)}
        for name, starts in read.starts.items():
            lines = [text.count("\n", 0, start) + 1 for start in starts]
            assert [read.at(name, row) for row in range(len(starts))] == [f"{read.path}:{line}" for line in lines]


def test_boxes_of_stored_images_turn_with_them(tmp_path: Path, lists: dict[str, list[Any]]) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a quarter turn clockwise: x comes from the height
    Image.new("RGB", (40, 30)).save(tmp_path / "deep" / "b.png", exif=exif)
    boxes = read(tmp_path, lists).objects[1].boxes
    assert np.array_equal(boxes[0], [10, 10, 24, 29])
