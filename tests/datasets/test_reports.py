"""Kinds of files that people report to makers of labeling and training tools, and what is right for each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from format_files import BOX, OBJECT, SIZE, annotation, coco_content, write_coco, write_image, write_voc

from spp_ops.datasets import read_coco_detection, read_detection, read_yolo_detection

GOOD = annotation(SIZE, OBJECT)


def corners(*values: float) -> str:
    tags = zip(("xmin", "ymin", "xmax", "ymax"), values, strict=True)
    return f"<object><name>cat</name><bndbox>{''.join(f'<{t}>{v}</{t}>' for t, v in tags)}</bndbox></object>"


def test_paths_in_an_annotation_of_another_machine(tmp_path: Path) -> None:
    told = "<folder>x</folder><filename>old.jpg</filename><path>C:\\Users\\me\\old.jpg</path>"
    write_voc(tmp_path, {"a": annotation(told, SIZE, OBJECT)})
    assert read_detection(tmp_path, "trainval").paths == (tmp_path / "JPEGImages" / "a.jpg",)


@pytest.mark.parametrize("name", ["Camera MV-U300#31-9-2017.03.27", "a%20b", "猫 1", "x" * 120, "-1", "[a]*?"])
def test_names_of_all_kinds(tmp_path: Path, name: str) -> None:
    write_voc(tmp_path, {name: GOOD})
    assert read_detection(tmp_path, "trainval").names == (name,)
    content = coco_content()
    content["images"][0]["file_name"] = f"{name}.jpg"
    write_image(tmp_path / "coco" / f"{name}.jpg")
    path = write_coco(tmp_path / "coco" / "set.json", content)
    assert read_coco_detection(path, notice=pytest.fail).paths[0].name == f"{name}.jpg"


def test_class_names_as_character_references(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": annotation(SIZE, OBJECT.replace("cat", "&#28938;&#28857; &amp; &lt;x&gt;"))})
    assert read_detection(tmp_path, "trainval").classes == ("焊点 & <x>",)


def test_a_width_and_a_height_in_place_of_the_last_corner(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": annotation(SIZE, corners(97, 35, 21, 13))})
    with pytest.raises(ValueError, match=r"b\.xml:3: xmin 97, .* xmax 21.*: no pixel is inside: the corners are rev"):
        read_detection(tmp_path, "trainval")


def test_a_box_a_pixel_past_the_edge(tmp_path: Path) -> None:
    notices: list[str] = []
    write_voc(tmp_path, {"a": annotation(SIZE, corners(23, 29, 121, 91))})
    images = read_detection(tmp_path, "trainval", notice=notices.append)
    assert images.objects[0].boxes.tolist() == [[22, 28, 119, 89]]
    assert len(notices) == 1


def test_a_line_of_pixels_is_a_box(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": annotation(SIZE, corners(23, 29, 23, 50))})
    assert read_detection(tmp_path, "trainval").objects[0].boxes.tolist() == [[22, 28, 22, 49]]


def test_boxes_as_shares_where_pixels_are_expected(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"a": annotation(SIZE, corners(0.1, 0.2, 0.4, 0.9), corners(0, 0, 1, 1))})
    with pytest.raises(ValueError, match="all boxes lie between 0 and 1: expected pixels, got what looks like shares"):
        read_detection(tmp_path / "voc", "trainval")
    content = coco_content()
    for entry in content["annotations"]:
        entry["bbox"] = [0.1, 0.2, 0.3, 0.5]
    with pytest.raises(ValueError, match="all boxes lie between 0 and 1"):
        read_coco_detection(write_coco(tmp_path / "set.json", content))


@pytest.mark.parametrize(
    ("told", "folder"),
    [
        ("project-1/train/images", "train/images"),
        ("/content/project-1/train/images", "train/images"),
        ("../train/images", "train/images"),
        ("..\\project\\images\\train", "images/train"),
        ("./data/images/train", "images/train"),
    ],
)
def test_a_data_yaml_whose_folder_has_moved(tmp_path: Path, told: str, folder: str) -> None:
    path = write_image(tmp_path / folder / "a.jpg")
    labels = Path(str(path).replace("images", "labels")).with_suffix(".txt")
    labels.parent.mkdir(parents=True)
    labels.write_text("0 0.25 0.5 0.1 0.2\n")
    (tmp_path / "data.yaml").write_text(f"path: /content/datasets\ntrain: {told}\nval: {told}\nnames: [cat]\n")
    images = read_yolo_detection(tmp_path, "train", notice=pytest.fail)
    np.testing.assert_allclose(images.objects[0].boxes, [[24, 36, 35, 53]], atol=1e-4)


def test_outlines_a_little_outside(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.9 0.4 1.0371 0.4 1.0371 0.6 0.9 0.6\n")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat]\n")
    notices: list[str] = []
    images = read_yolo_detection(tmp_path, "train", notice=notices.append)
    np.testing.assert_allclose(images.objects[0].boxes, [[108, 36, 119, 53]], atol=1e-4)
    assert len(notices) == 2


def test_letters_small_and_large(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"img_1": GOOD})
    (tmp_path / "voc" / "JPEGImages" / "img_1.jpg").rename(tmp_path / "voc" / "JPEGImages" / "IMG_1.JPG")
    assert read_detection(tmp_path / "voc", "trainval").objects[0].boxes.tolist() == [BOX]
    content = coco_content()
    content["images"][0]["file_name"] = "A.JPG"
    path = write_coco(tmp_path / "coco" / "set.json", content)
    assert read_coco_detection(path, notice=pytest.fail).paths[0].name == "a.jpg"
    write_image(tmp_path / "two" / "A.jpg")
    content["images"][0]["file_name"] = "a.JPG"
    with pytest.raises(ValueError, match="no image file at"):  # which of two is not guessed
        read_coco_detection(write_coco(tmp_path / "two" / "set.json", content))


def test_images_that_differ_in_their_endings_alone(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": GOOD}, {})
    write_image(tmp_path / "JPEGImages" / "a.png")
    notices: list[str] = []
    assert read_detection(tmp_path, "trainval", notice=notices.append).names == ("a", "b")
    assert notices[0].startswith("1 image has the name of another but for its ending")


def test_parts_of_coco_that_tools_leave_out_or_add(tmp_path: Path) -> None:
    content = coco_content()
    content["annotations"][0] |= {"segmentation": [], "attributes": {"occluded": False, "attribute:iscrowd": "0.0"}}
    content["categories"][0]["supercategory"] = None
    content["images"][0]["license"] = None
    path = write_coco(tmp_path / "set.json", content | {"videos": [], "tracks": None})
    assert len(read_coco_detection(path, notice=pytest.fail)) == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (json.dumps([{"image": "a.jpg", "annotations": []}]), "set.json:1: not as JSON should be: expected {"),
        (json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}]}), "expected a list of categories, found none"),
        ('{"images": [1,]}', "not as JSON should be"),
        (json.dumps(coco_content()).encode("utf-16").decode("latin-1"), "not as JSON should be"),
    ],
)
def test_files_that_are_no_coco(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "set.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"set\.json") as refused:
        read_coco_detection(path)
    assert complaint in str(refused.value)


def test_boxes_given_as_corners_in_coco_are_refused_where_they_leave_the_image(tmp_path: Path) -> None:
    content = coco_content()
    content["annotations"][0]["bbox"] = [90, 12, 110, 52]  # x1, y1, x2, y2 taken for x, y, width, height
    with pytest.raises(ValueError, match=r"annotations, id 1: bbox .*: not inside the image, which is 120 x 90"):
        read_coco_detection(write_coco(tmp_path / "set.json", content))
