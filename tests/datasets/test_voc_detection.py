"""Pascal VOC's detection task: what is read, and that what is wrong is named with its file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from benchmarks.data_root import data_root
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.voc import read_voc_detection
from spp_ops.datasets.formats.voc_xml import write_annotation, write_list
from spp_ops.datasets.image import load_image
from spp_ops.datasets.image_sizes import ImageSize

BOX = np.array([[10, 5, 29, 19]], np.float32)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Three images of 40 x 30: a cat, a dog, and a cat in a .png."""
    (tmp_path / "JPEGImages").mkdir()
    for name, shown, ending in (("one", "cat", "jpg"), ("two", "dog", "jpg"), ("three", "cat", "png")):
        Image.new("RGB", (40, 30), (90, 90, 90)).save(tmp_path / "JPEGImages" / f"{name}.{ending}")
        write_annotation(tmp_path / "Annotations" / f"{name}.xml", f"{name}.{ending}", (40, 30), BOX, [shown])
    write_list(tmp_path / "ImageSets" / "Main" / "train.txt", ["one", "two", "three"])
    return tmp_path


def edit(voc: Path, name: str, old: str, new: str) -> Path:
    path = voc / "Annotations" / f"{name}.xml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def read_skipping(voc: Path) -> tuple[DetectionImages, list[str]]:
    notices: list[str] = []
    return read_voc_detection(voc, "train", on_bad="skip", notice=notices.append), notices


def test_images_and_boxes_come_out_zero_based(voc: Path) -> None:
    images = read_voc_detection(voc, "train")
    assert images.names == ("one", "two", "three")
    assert images.ids == (0, 1, 2)
    assert [path.name for path in images.paths] == ["one.jpg", "two.jpg", "three.png"]
    assert images.classes == ("cat", "dog")
    assert [objects.labels.tolist() for objects in images.objects] == [[0], [1], [0]]
    assert images.objects[0].boxes.dtype == np.float32
    assert np.array_equal(images.objects[0].boxes, BOX)
    assert not images.objects[0].difficult.any()


def test_the_file_itself_counts_from_one(voc: Path) -> None:
    assert "<xmin>11</xmin>" in (voc / "Annotations" / "one.xml").read_text()
    assert read_voc_detection(voc, "train", first_pixel=0).objects[0].boxes.tolist() == [[11, 6, 30, 20]]


def test_classes_are_those_asked_for_in_their_order(voc: Path) -> None:
    images = read_voc_detection(voc, "train", classes=("fox", "dog", "cat"))
    assert images.classes == ("fox", "dog", "cat")
    assert [objects.labels.tolist() for objects in images.objects] == [[2], [1], [2]]


def test_difficult_objects_and_fractions(voc: Path) -> None:
    edit(voc, "one", "<difficult>0", "<difficult>1")
    edit(voc, "one", "<xmin>11<", "<xmin>11.25<")
    objects = read_voc_detection(voc, "train").objects[0]
    assert objects.difficult.tolist() == [True]
    assert objects.boxes[0].tolist() == [10.25, 5, 29, 19]


def test_parts_of_objects_are_not_taken_for_them(voc: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part><bndbox>"
    edit(voc, "one", "<bndbox>", part)
    images = read_voc_detection(voc, "train")
    assert images.classes == ("cat", "dog")
    assert np.array_equal(images.objects[0].boxes, BOX)


def test_subset_keeps_images_names_and_objects_together(voc: Path) -> None:
    images = read_voc_detection(voc, "train").subset([2, 1])
    assert images.names == ("three", "two")
    assert images.ids == (2, 1)
    assert [objects.labels.tolist() for objects in images.objects] == [[0], [1]]


# What is written over what, in the annotation of `two`; the line of the trouble; the complaint.
BAD_OBJECTS = [
    ("<xmax>30<", "<xmax>9<", 13, "no pixel is inside"),
    ("<ymax>20<", "<ymax>5<", 13, "no pixel is inside"),
    ("<xmax>30<", "<xmax>71<", 13, "not inside the image, which is 40 x 30"),
    ("<ymin>6<", "<ymin>-29<", 13, "ymin -29, .* counted from 1: not inside the image"),
    ("<xmin>11<", "<xmin>nan<", 13, "expected finite numbers"),
    ("<xmax>30<", "<xmax>wide<", 16, "xmax: expected a number, got 'wide'"),
    ("<xmax>30</xmax>", "", 13, "expected xmax, found none"),
    ("<name>dog</name>", "", 8, "expected a name in every object"),
    ("bndbox>", "box>", 8, "expected a bndbox"),
]


@pytest.mark.parametrize(("old", "new", "line", "complaint"), BAD_OBJECTS)
def test_bad_objects_are_refused_with_file_and_line(voc: Path, old: str, new: str, line: int, complaint: str) -> None:
    edit(voc, "two", old, new)
    with pytest.raises(ValueError, match=rf"two\.xml:{line}: .*{complaint}"):
        read_voc_detection(voc, "train")
    images, notices = read_skipping(voc)
    assert images.names == ("one", "three")
    assert images.classes == ("cat",)
    assert len(notices) == 2  # the object, and the image that has no other
    assert f"two.xml:{line}:" in notices[0]
    assert "none of its objects can be used" in notices[1]


def test_a_bad_object_leaves_the_others_of_its_image(voc: Path) -> None:
    boxes = np.array([[3, 3, 2, 9], [0, 0, 39, 29]], np.float32)
    write_annotation(voc / "Annotations" / "two.xml", "two.jpg", (40, 30), boxes, ["dog", "dog"])
    images, notices = read_skipping(voc)
    assert images.names == ("one", "two", "three")
    assert images.objects[1].boxes.tolist() == [[0, 0, 39, 29]]
    assert len(notices) == 1


def test_an_unknown_class_leaves_its_image_without_objects(voc: Path) -> None:
    with pytest.raises(ValueError, match=r"two\.xml:13: unknown class 'dog'; the classes are cat"):
        read_voc_detection(voc, "train", classes=("cat",))
    notices: list[str] = []
    images = read_voc_detection(voc, "train", classes=("cat",), on_bad="skip", notice=notices.append)
    assert images.names == ("one", "two", "three")
    assert len(images.objects[1]) == 0
    assert images.objects[1].boxes.shape == (0, 4)
    assert len(notices) == 1


def _not_xml(voc: Path) -> None:
    edit(voc, "two", "</object>", "</thing>")


def _no_xml(voc: Path) -> None:
    (voc / "Annotations" / "two.xml").write_text("")


def _other_size(voc: Path) -> None:
    edit(voc, "two", "<width>40<", "<width>80<")


def _no_image(voc: Path) -> None:
    (voc / "JPEGImages" / "two.jpg").unlink()


def _broken_image(voc: Path) -> None:
    (voc / "JPEGImages" / "two.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")


def _path_of_a_folder(voc: Path) -> None:
    _no_image(voc)
    (voc / "JPEGImages" / "two.jpg").mkdir()


BAD_IMAGES = [
    (_not_xml, r"two\.xml:19: not XML: mismatched tag"),
    (_no_xml, r"two\.xml:1: not XML: no element found"),
    (_other_size, r"two\.xml:3: size 80 x 30, but the image is 40 x 30"),
    (_no_image, r"train\.txt:2: no image two in .*JPEGImages"),
    (_broken_image, r"cannot read image .*two\.jpg"),
    (_path_of_a_folder, r"train\.txt:2: no image two in .*JPEGImages"),
]


@pytest.mark.parametrize(("spoil", "complaint"), BAD_IMAGES, ids=[spoil.__name__ for spoil, _ in BAD_IMAGES])
def test_bad_images_are_refused_or_skipped(voc: Path, spoil: Callable[[Path], None], complaint: str) -> None:
    spoil(voc)
    with pytest.raises(ValueError, match=complaint):
        read_voc_detection(voc, "train")
    images, notices = read_skipping(voc)
    assert images.names == ("one", "three")
    assert images.ids == (0, 1)
    assert len(notices) == 1


def test_everything_wrong_is_counted_and_the_first_few_named(voc: Path) -> None:
    names = [f"missing{number}" for number in range(5)]
    write_list(voc / "ImageSets" / "Main" / "train.txt", names)
    with pytest.raises(ValueError, match=r"train\.txt:1: .*train\.txt:2: .*train\.txt:3: .*; and 2 more"):
        read_voc_detection(voc, "train")
    with pytest.raises(ValueError, match=r"train\.txt: expected images, found none that can be used"):
        read_skipping(voc)


def test_images_listed_twice_count_once(voc: Path) -> None:
    write_list(voc / "ImageSets" / "Main" / "train.txt", ["one", "", "one"])
    images, notices = read_skipping(voc)
    assert images.names == ("one",)
    assert notices == [f"1 image listed twice counts once, at: {voc / 'ImageSets' / 'Main' / 'train.txt'}:3"]
    with pytest.raises(ValueError, match=r"train\.txt:3: one is listed twice"):
        read_voc_detection(voc, "train", strict=True)


def test_missing_and_empty_lists(voc: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no list of images at .*val\.txt"):
        read_voc_detection(voc, "val")
    write_list(voc / "ImageSets" / "Main" / "val.txt", [])
    with pytest.raises(ValueError, match=r"val\.txt: expected at least one image, found none"):
        read_voc_detection(voc, "val", on_bad="skip")


def test_an_unknown_choice_is_refused(voc: Path) -> None:
    with pytest.raises(ValueError, match="on_bad: expected skip or refuse, got 'ignore'"):
        read_voc_detection(voc, "train", on_bad="ignore")  # type: ignore[arg-type]


def _turned(path: Path, orientation: int) -> None:
    """A stored image of 40 x 30, black but for a white block at 10, 5, 29, 19, to be turned as EXIF says."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[5:20, 10:30] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(pixels).save(path, exif=exif, quality=100)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_as_images_do(voc: Path, orientation: int) -> None:
    path = voc / "JPEGImages" / "one.jpg"
    _turned(path, orientation)
    upright = load_image(path)
    rows, columns = np.nonzero(upright[:, :, 0] > 128)
    white = [columns.min(), rows.min(), columns.max(), rows.max()]
    size = ImageSize(upright.shape[1], upright.shape[0], orientation)
    assert size.stored == (40, 30)
    assert size.turn_upright(BOX.astype(np.float64)).tolist() == [white]
    if orientation >= 5:  # the annotation's size tells: 40 x 30, the upright image is 30 x 40
        assert read_voc_detection(voc, "train").objects[0].boxes.tolist() == [white]


def test_boxes_of_the_upright_image_stay(voc: Path) -> None:
    _turned(voc / "JPEGImages" / "one.jpg", 6)
    edit(voc, "one", "<width>40<", "<width>30<")
    edit(voc, "one", "<height>30<", "<height>40<")
    assert np.array_equal(read_voc_detection(voc, "train").objects[0].boxes, BOX)


def test_an_orientation_that_sizes_do_not_tell_is_named(voc: Path) -> None:
    _turned(voc / "JPEGImages" / "one.jpg", 3)
    notices: list[str] = []
    read_voc_detection(voc, "train", notice=notices.append)
    assert len(notices) == 1
    assert notices[0].startswith("1 image is turned by EXIF, and its size does not tell")
    assert notices[0].endswith("one.xml:3")


@pytest.mark.parametrize(("name", "classes"), [("raccoon", 1), ("boards", 4)])
def test_real_photos(name: str, classes: int) -> None:
    if not (data_root() / name).is_dir():
        pytest.skip(f"no {data_root() / name}")
    images = read_voc_detection(data_root() / name, "val")
    assert len(images.classes) == classes
    assert len(images) in (15, 20)
    assert all(len(objects) > 0 for objects in images.objects)
