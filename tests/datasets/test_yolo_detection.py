"""YOLO's labels in the layouts of Ultralytics, Roboflow, darknet, CVAT and labelImg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from format_files import write_image
from PIL import ExifTags, Image

from spp_ops.datasets import DetectionImages, read_detection, read_yolo_detection

LINE = "1 0.25 0.5 0.1 0.2\n"  # of an image of 120 x 90: 24 to 36, 36 to 54 between edges
BOX = [24, 36, 35, 53]
YAML = "names: [cat, dog]\n"


def write(root: Path, images: str, labels: str, texts: dict[str, str | None]) -> None:
    for name, text in texts.items():
        write_image(root / images / f"{name}.jpg")
        path = root / labels / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            path.write_text(text)


def read(data: Path, split: str | None = None, **options: object) -> tuple[DetectionImages, list[str]]:
    notices: list[str] = []
    return read_yolo_detection(data, split, notice=notices.append, **options), notices  # type: ignore[arg-type]


# What lies where: images, labels, other files.
LAYOUTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "ultralytics": (
        "images/train",
        "labels/train",
        {"data.yaml": f"path: .\ntrain: images/train\nval: images/val\n{YAML}"},
    ),
    "ultralytics, path elsewhere": (
        "images/train",
        "labels/train",
        {"coco8.yaml": "path: ../datasets/coco8\ntrain: images/train\nnames:\n  0: cat\n  1: dog\n"},
    ),
    "roboflow": (
        "train/images",
        "train/labels",
        {"data.yaml": f"train: ../train/images\nval: ../valid/images\nnc: 2\n{YAML}"},
    ),
    "list": (
        "images/train",
        "labels/train",
        {"data.yaml": f"train: train.txt\n{YAML}", "train.txt": "./images/train/a.jpg\nimages/train/b.jpg\n"},
    ),
    "cvat, yolo 1.1": (
        "obj_train_data",
        "obj_train_data",
        {
            "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n",
            "obj.names": "cat\ndog\n",
            "train.txt": "data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n",
        },
    ),
    "folders": ("images/train", "labels/train", {"classes.txt": "cat\ndog\n"}),
    "folders of splits": ("train/images", "train/labels", {"classes.txt": "cat\ndog\n"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path: Path, name: str) -> None:
    images, labels, others = LAYOUTS[name]
    write(tmp_path, images, labels, {"a": LINE, "b": None})
    for file, text in others.items():
        (tmp_path / file).write_text(text)
    found = read_detection(tmp_path, "train", notice=pytest.fail)
    assert found.names == ("a", "b")
    assert found.classes == ("cat", "dog")
    np.testing.assert_allclose(found.objects[0].boxes, [BOX], atol=1e-4)
    assert [objects.labels.tolist() for objects in found.objects] == [[1], []]


@pytest.mark.parametrize("layout", [("images", "labels"), (".", ".")])
def test_a_set_without_splits_or_names(tmp_path: Path, layout: tuple[str, str]) -> None:
    write(tmp_path, *layout, dict.fromkeys("abcde", LINE))
    train, val = (read_detection(tmp_path, split, notice=lambda line: None) for split in ("train", "val"))
    assert sorted(train.names + val.names) == list("abcde")
    images, notices = read(tmp_path)
    assert images.classes == ("0", "1")
    assert notices == [f"1 set without names of its classes: their numbers are the names, at: {tmp_path}"]
    (tmp_path / "classes.txt").write_text("cat\ndog\n")  # as labelImg writes it
    images, notices = read(tmp_path)
    assert (images.classes, notices) == (("cat", "dog"), [])


def test_names_that_yaml_takes_for_other_things(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", {"a": "0 .5 .5 .1 .1\n1 .5 .5 .1 .1\n2 .5 .5 .1 .1\n"})
    (tmp_path / "data.yaml").write_text("train: images\nnames: [no, 1.0, null]\n")
    assert read(tmp_path, "train")[0].classes == ("no", "1.0", "null")


def test_outlines_and_keypoints(tmp_path: Path) -> None:
    outline = "1 0.2 0.4 0.3 0.4 0.3 0.6 0.2 0.6\n"
    write(tmp_path, "images", "labels", {"a": outline})
    (tmp_path / "data.yaml").write_text(f"train: images\n{YAML}")
    images, notices = read(tmp_path, "train")
    np.testing.assert_allclose(images.objects[0].boxes, [BOX], atol=1e-4)
    assert notices == [f"1 box laid around an outline, at: {tmp_path / 'labels' / 'a.txt'}:1"]
    with pytest.raises(ValueError, match=r"a\.txt:1: expected a class and 4 numbers, got 9"):
        read(tmp_path, "train", strict=True)
    (tmp_path / "labels" / "a.txt").write_text(LINE.strip() + " 0.3 0.3 2 0.3 0.4 2\n")
    (tmp_path / "data.yaml").write_text(f"train: images\nkpt_shape: [2, 3]\n{YAML}")
    images, notices = read(tmp_path, "train")
    np.testing.assert_allclose(images.objects[0].boxes, [BOX], atol=1e-4)
    assert notices == []


BAD_LINES = [
    ("2 0.5 0.5 0.1 0.1", "class 2, but the names go from 0 to 1"),
    ("-1 0.5 0.5 0.1 0.1", "expected the number of a class, got '-1'"),
    ("0.5 0.5 0.5 0.1 0.1", "expected the number of a class, got '0.5'"),
    ("0 0.5 0.5 0.1", "expected a class and 4 numbers, or an outline of 3 or more points, got 4"),
    ("0 0.5 0.5 0.1 0.1 0.9", "expected a class and 4 numbers, or an outline of 3 or more points, got 6"),
    ("0 60 45 12 18", "expected shares of the image's width and height, got 60 45 12 18"),
    ("0,0.5,0.5,0.1,0.1", "expected numbers with spaces between"),
    ("0 0.5 0.5 0 0.1", "no pixel is inside"),
    ("0 nan 0.5 0.1 0.1", "expected finite numbers"),
    ("0 1.2 0.5 0.1 0.1", "not inside the image, which is 120 x 90"),
]


@pytest.mark.parametrize(("line", "complaint"), BAD_LINES)
def test_bad_lines_are_named(tmp_path: Path, line: str, complaint: str) -> None:
    write(tmp_path, "images", "labels", {"a": LINE + line + "\n", "b": LINE})
    (tmp_path / "data.yaml").write_text(f"train: images\n{YAML}")
    with pytest.raises(ValueError, match=r"a\.txt:2: ") as refused:
        read(tmp_path, "train")
    assert complaint in str(refused.value)
    images, notices = read(tmp_path, "train", on_bad="skip")
    assert list(map(len, images.objects)) == [1, 1]
    assert len(notices) == 1


def test_a_class_as_a_fraction_of_nothing(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", {"a": "1.0 0.25 0.5 0.1 0.2\n\n"})
    (tmp_path / "data.yaml").write_text(f"train: images\n{YAML}")
    assert read(tmp_path, "train")[0].objects[0].labels.tolist() == [1]


def test_labels_without_an_image_are_told(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", {"a": LINE, "b": LINE})
    (tmp_path / "images" / "b.jpg").unlink()
    (tmp_path / "data.yaml").write_text(f"train: images\n{YAML}")
    assert read(tmp_path, "train")[1] == [f"1 label file without an image, at: {tmp_path / 'labels' / 'b.txt'}"]


def test_boxes_are_those_of_the_upright_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    write(tmp_path, "images", "labels", {"a": LINE})
    write_image(tmp_path / "images" / "a.jpg", (90, 120), exif=exif)  # upright it is 120 x 90
    (tmp_path / "data.yaml").write_text(f"train: images\n{YAML}")
    images, notices = read(tmp_path, "train")
    np.testing.assert_allclose(images.objects[0].boxes, [BOX], atol=1e-4)
    assert notices == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("names: [a", "not YAML"),
        ("train: images\n", "expected names and one of train, val and test"),
        ("train: images\nnames: cat\n", "names: expected the names of classes, got 'cat'"),
        ("train: images\nnames: []\n", r"names: expected the names of classes, got \[\]"),
        ("train: {a: b}\nnames: [cat]\n", "train: expected a path or a list of them"),
        ("train: nowhere\nnames: [cat]\n", "train: no folder or list of images at .*nowhere"),
    ],
)
def test_a_bad_data_yaml(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"data\.yaml: {complaint}"):
        read(tmp_path / "data.yaml", "train")


def test_other_files_among_the_images_are_told(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", {"a": LINE})
    (tmp_path / "images" / "b.jpg_large").write_bytes(b"")
    (tmp_path / "images" / "c.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "data.yaml").write_text(f"train: images\n{YAML}")
    notices = read(tmp_path, "train")[1]
    assert [line.partition(",")[0].partition(":")[0] for line in notices] == ["1 file left out", "1 link left out"]
