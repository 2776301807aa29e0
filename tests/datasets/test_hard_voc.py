"""Pascal VOC's annotations as tools write them: what can only mean one thing is read, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from format_files import BOX, OBJECT, SIZE, annotation, write_image, write_voc

from spp_ops.datasets import DetectionImages, read_detection, read_voc_detection

GOOD = annotation(SIZE, OBJECT)


def read(root: Path, split: str = "trainval", **options: object) -> tuple[DetectionImages, list[str]]:
    notices: list[str] = []
    return read_voc_detection(root, split, notice=notices.append, **options), notices  # type: ignore[arg-type]


def box(*corners: float, name: str = "cat") -> str:
    tags = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    inside = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
    return f"<object><name>{name}</name><bndbox>{inside}</bndbox></object>"


# What is on line 2 of b.xml and after; its boxes; the notice; what `strict` says.
MENDED = {
    "size_zero": (
        [SIZE.replace("120", "0").replace("90", "0"), OBJECT],
        [BOX],
        "1 annotation without a size (0 or empty), at: ",
        "width, height: expected positive numbers",
    ),
    "size_empty_tags": (
        ["<size><width/><height/><depth/></size>", OBJECT],
        [BOX],
        "1 annotation without a size (0 or empty), at: ",
        "width, height: expected positive numbers",
    ),
    "rectlabel_minus2": (
        [SIZE, box(-2, -2, 125, 95)],
        [[0, 0, 119, 89]],
        "1 box clipped to its image, at: ",
        "xmin -2, ymin -2, xmax 125, ymax 95, counted from 1: not inside the image, which is 120 x 90",
    ),
    "difficult_unspecified": (
        [SIZE, OBJECT.replace("<difficult>0<", "<difficult>Unspecified<")],
        [BOX],
        "1 object whose difficult is neither 0 nor 1 counts as not difficult, at: ",
        "difficult: expected 0 or 1, got 'Unspecified'",
    ),
    "polygon_only": (
        [SIZE, "<object><name>cat</name><polygon><x1>1</x1><y1>1</y1><x2>50</x2><y2>1</y2><x3>50</x3><y3>50</y3>"
         "</polygon></object>"],
        [[0, 0, 49, 49]],
        "1 box laid around a polygon or a rotated box, at: ",
        "expected a bndbox in every object",
    ),
    "labelme_polygon": (
        [SIZE, "<object><name>cat</name><polygon><pt><x>3</x><y>4</y></pt><pt><x>20</x><y>9</y></pt>"
         "<pt><x>5</x><y>30</y></pt></polygon></object>"],
        [[2, 3, 19, 29]],
        "1 box laid around a polygon or a rotated box, at: ",
        "expected a bndbox in every object",
    ),
    "robndbox": (
        [SIZE, "<object><name>cat</name><robndbox><cx>41</cx><cy>41</cy><w>20</w><h>10</h><angle>1.5707963267948966"
         "</angle></robndbox></object>"],
        [[35, 30, 45, 50]],
        "1 box laid around a polygon or a rotated box, at: ",
        "expected a bndbox in every object",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MENDED)
def test_what_can_only_mean_one_thing_is_mended(tmp_path: Path, case: str) -> None:
    parts, boxes, notice, complaint = MENDED[case]
    write_voc(tmp_path, {"a": GOOD, "b": annotation(*parts)})
    images, notices = read(tmp_path)
    assert images.names == ("a", "b")
    np.testing.assert_allclose(images.objects[1].boxes, boxes, atol=1e-4)
    assert not images.objects[1].difficult.any()
    assert len(notices) == 1
    assert notices[0].startswith(notice)
    assert "b.xml:" in notices[0]
    with pytest.raises(ValueError, match=r"b\.xml:[23]: .*") as refused:
        read(tmp_path, strict=True)
    assert complaint in str(refused.value)


def test_one_notice_a_kind(tmp_path: Path) -> None:
    far = annotation(SIZE, box(-2, -2, 125, 95), box(100, 80, 125, 95))
    write_voc(tmp_path, {"a": far, "b": far, "c": GOOD})
    _, notices = read(tmp_path)
    assert notices == [f"4 boxes clipped to their images, first: {tmp_path / 'Annotations' / 'a.xml'}:3"]


def test_boxes_mostly_outside_stay_refused(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": annotation(SIZE, box(100, 20, 170, 40))})
    with pytest.raises(ValueError, match=r"b\.xml:3: xmin 100, .*: not inside the image, which is 120 x 90"):
        read(tmp_path)


def test_a_set_that_touches_0_counts_from_0(tmp_path: Path) -> None:
    texts = {"a": GOOD, "b": annotation(SIZE, box(0, 0, 60, 70))}
    write_voc(tmp_path, texts, {"train": ["a"], "val": ["b"]})
    images, notices = read(tmp_path, "train")  # the splits agree
    assert images.objects[0].boxes.tolist() == [[10, 12, 60, 70]]
    assert "1 set's boxes touch 0: pixels are counted from 0, not from 1, at: " in notices[0]
    assert read(tmp_path, "val")[0].objects[0].boxes.tolist() == [[0, 0, 60, 70]]
    assert read(tmp_path, "train", strict=True)[0].objects[0].boxes.tolist() == [BOX]
    assert read(tmp_path, "train", first_pixel=1)[0].objects[0].boxes.tolist() == [BOX]
    with pytest.raises(ValueError, match=r"ymin 0, .* counted from 1: not inside"):
        read(tmp_path, "val", strict=True)


def test_a_set_from_0_to_the_width_ends_at_edges(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": annotation(SIZE, box(0, 23.25, 13.5, 49.5), box(98.5, 20, 120, 90))})
    images, notices = read(tmp_path)
    assert images.objects[1].boxes.tolist() == [[0, 23.25, 12.5, 48.5], [98.5, 20, 119, 89]]
    assert images.objects[0].boxes.tolist() == [[10, 12, 59, 69]]
    assert "they end at the edges of pixels" in notices[0]
    assert len(notices) == 1
    assert read(tmp_path, first_pixel="edges")[1] == []


def test_a_choice_of_first_pixels_that_is_unknown(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD})
    with pytest.raises(ValueError, match="first_pixel: expected 1, 0 or 'edges', got 2"):
        read(tmp_path, first_pixel=2)


def test_images_without_objects_count(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": annotation(SIZE), "c": None})
    images, notices = read(tmp_path)
    assert images.names == ("a", "b", "c")
    assert list(map(len, images.objects)) == [1, 0, 0]
    place = tmp_path / "ImageSets" / "Main" / "trainval.txt"
    assert notices == [f"1 image without an annotation counts as one without objects, at: {place}:3"]
    with pytest.raises(ValueError, match=r"trainval\.txt:3: no annotation at .*c\.xml"):
        read(tmp_path, strict=True)


def test_a_set_without_any_object_can_be_tested_on(tmp_path: Path) -> None:
    write_voc(tmp_path, {"b": annotation(SIZE)})
    images, _ = read(tmp_path, classes=("cat", "dog"))
    assert images.classes == ("cat", "dog")
    assert list(map(len, images.objects)) == [0]


def test_bytes_of_another_encoding(tmp_path: Path) -> None:
    text = annotation("<folder>étage</folder>", SIZE, OBJECT)
    write_voc(tmp_path, {"a": GOOD, "b": text.encode("latin-1")})
    images, notices = read(tmp_path)
    assert images.objects[1].boxes.tolist() == [BOX]
    assert notices == [
        f"1 annotation read as cp1252: it is in another encoding than it says, at: {tmp_path / 'Annotations' / 'b.xml'}"
    ]
    with pytest.raises(ValueError, match=r"b\.xml: not XML: bytes that are no UTF-8"):
        read(tmp_path, strict=True)


def test_a_class_whose_encoding_is_not_told_is_refused(tmp_path: Path) -> None:
    text = annotation(SIZE, OBJECT.replace("cat", "中国"))
    write_voc(tmp_path, {"a": GOOD, "b": text.encode("gbk")})
    with pytest.raises(ValueError, match=r"b\.xml:3: not XML: .*not in UTF-8, .*name the encoding in its first line"):
        read(tmp_path)


@pytest.mark.parametrize("encoding", ["gb2312", "big5", "shift_jis", "utf-16", "latin-1"])
def test_declared_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    name = "é" if encoding == "latin-1" else "中"
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n' + annotation(SIZE, OBJECT.replace("cat", name))
    write_voc(tmp_path, {"b": text.encode(encoding)})
    images, notices = read(tmp_path)
    assert images.classes == (name,)
    assert notices == []


@pytest.mark.parametrize("lines", [["a.jpg", "b.jpg"], ["a  1", "b -1"], ["a", "b"]])
def test_lists_with_endings_and_labels(tmp_path: Path, lines: list[str]) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": GOOD}, {"trainval": lines})
    assert read(tmp_path)[0].names == ("a", "b")


def test_names_with_spaces_and_dots(tmp_path: Path) -> None:
    write_voc(tmp_path, {"v.1": GOOD, "photo 1": GOOD, "x": GOOD})
    assert read(tmp_path)[0].names == ("v.1", "photo 1", "x")


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    write_voc(
        tmp_path, {"a": GOOD, "b": GOOD}, {"train": ["a"], "val": ["b"], "cat_train": ["a 1"], "cat_val": ["b 1"]}
    )
    with pytest.raises(ValueError, match=r"no split trainval; there are train, val \(--split\)"):
        read_detection(tmp_path, "trainval")
    with pytest.raises(FileNotFoundError, match=r"no list of images at .*trainval\.txt; there are .*train, val"):
        read(tmp_path)
    assert read_detection(tmp_path).names == ("a",)
    assert read_detection(tmp_path, purpose="test").names == ("b",)


def test_a_set_without_lists_is_split_at_random(tmp_path: Path) -> None:
    write_voc(tmp_path, dict.fromkeys("abcdefghij", GOOD), {})
    train = read_detection(tmp_path)
    val = read_detection(tmp_path, purpose="test")
    assert (len(train), len(val)) == (8, 2)
    assert sorted(train.names + val.names) == list("abcdefghij")
    assert train.names == read_detection(tmp_path, "train").names
    assert val.names == read_detection(tmp_path, "val").names
    assert read_detection(tmp_path, "trainval").names == tuple("abcdefghij")
    assert len(read_detection(tmp_path, val_share=0.5)) == 5
    assert len({read_detection(tmp_path, "val", val_seed=seed).names for seed in range(9)}) > 1


@pytest.mark.parametrize("root", ["VOCdevkit/VOC2007", "VOC2012", "."])
def test_the_folder_above(tmp_path: Path, root: str) -> None:
    write_voc(tmp_path / root, {"a": GOOD, "b": GOOD})
    assert read_detection(tmp_path).names == ("a", "b")


def test_several_years_are_to_be_named(tmp_path: Path) -> None:
    for year in ("VOC2007", "VOC2012"):
        write_voc(tmp_path / "VOCdevkit" / year, {"a": GOOD})
    with pytest.raises(ValueError, match=r"expected one set, found .*VOC2007, .*VOC2012; name one"):
        read_detection(tmp_path)


def test_annotations_beside_the_images(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("valid", "b")):
        write_image(tmp_path / split / f"{name}.jpg")
        (tmp_path / split / f"{name}.xml").write_text(GOOD)
    assert read_detection(tmp_path).names == ("a",)
    for split in ("val", "valid", "validation"):
        assert read_detection(tmp_path, split).names == ("b",)
    with pytest.raises(ValueError, match="no split test; there are train, valid"):
        read_detection(tmp_path, "test")
    assert read_detection(tmp_path / "train", "trainval").names == ("a",)  # one folder, as labelImg leaves it


def test_an_image_that_its_annotation_names_otherwise(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": annotation("<filename>C:\\photos\\IMG 1.jpg</filename>", SIZE, OBJECT)})
    (tmp_path / "JPEGImages" / "a.jpg").rename(tmp_path / "JPEGImages" / "IMG 1.jpg")
    images, _ = read(tmp_path)
    assert images.paths[0].name == "IMG 1.jpg"


def test_only_a_heic_is_there(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": GOOD})
    (tmp_path / "JPEGImages" / "b.jpg").unlink()
    (tmp_path / "JPEGImages" / "b.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    with pytest.raises(ValueError, match=r"cannot read image .*b\.heic: "):
        read(tmp_path)


def test_upper_case_endings_and_links_to_nothing(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": GOOD})
    folder = tmp_path / "JPEGImages"
    (folder / "a.jpg").rename(folder / "a.JPG")
    (folder / "b.jpg").unlink()
    (folder / "b.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(ValueError, match=r"b\.jpg \(a link to a file that is not there\)"):
        read(tmp_path)
    images, _ = read(tmp_path, on_bad="skip")
    assert images.paths == (folder / "a.JPG",)
