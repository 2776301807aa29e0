"""Finding out a format, and the splits and parts of data."""

from __future__ import annotations

from pathlib import Path

import pytest
from format_files import OBJECT, SIZE, annotation, coco_content, write_coco, write_voc

import spp_ops.datasets
from spp_ops.datasets import read_detection
from spp_ops.datasets.formats import find_format
from spp_ops.datasets.splits import Part, choose, same_split

GOOD = annotation(SIZE, OBJECT)


def test_every_reader_is_exported() -> None:
    for name in spp_ops.datasets.__all__:
        assert getattr(spp_ops.datasets, name) is not None


def test_a_folder_of_nothing_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"expected Annotations.*\(voc\); .*\(coco\); .*\(yolo\); .*\(csv\), found none"
    ):
        find_format(tmp_path)
    with pytest.raises(FileNotFoundError, match="no data at"):
        find_format(tmp_path / "none")
    with pytest.raises(ValueError, match="format: expected auto, voc, coco, yolo, csv, got 'xml'"):
        find_format(tmp_path, "xml")


def test_data_in_two_formats_is_to_be_told(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD})
    write_coco(tmp_path / "annotations.json", coco_content())
    with pytest.raises(ValueError, match="could be voc and coco: --format says which"):
        read_detection(tmp_path)
    assert read_detection(tmp_path, format="voc").names == ("a",)
    assert read_detection(tmp_path, format="coco", split="trainval").names == ("a", "b", "c")


def test_several_annotation_files_are_to_be_named(tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        write_coco(tmp_path / name, coco_content())
    with pytest.raises(ValueError, match=r"expected one annotation file, found .*one\.json, .*two\.json; name one"):
        read_detection(tmp_path)


def test_images_are_named_apart_where_annotations_are_a_file(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"a": GOOD})
    with pytest.raises(ValueError, match="--images: not used with --format voc"):
        read_detection(tmp_path / "voc", images=tmp_path)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("valid", "val", True),
        ("Validation", "val", True),
        ("train2017", "train", True),
        ("val_2017", "validation", True),
        ("training", "train", True),
        ("trainval", "train", False),
        ("test-dev", "test", False),
        ("2007", "2012", False),
    ],
)
def test_names_of_splits(one: str, other: str, same: bool) -> None:
    assert same_split(one, other) is same


@pytest.mark.parametrize(
    ("there", "asked", "purpose", "share", "expected"),
    [
        (["train", "val"], None, "train", None, Part("train")),
        (["train", "val", "trainval"], None, "train", None, Part("trainval")),
        (["train", "val"], None, "test", None, Part("val")),
        (["train", "valid", "test"], None, "test", None, Part("test")),
        (["a"], None, "train", None, Part("a")),
        ([], None, "train", None, Part(None, "train", 0.2, 0)),
        ([], None, "test", None, Part(None, "val", 0.2, 0)),
        ([], "test", "test", 0.5, Part(None, "val", 0.5, 0)),
        ([], "trainval", "train", None, Part(None)),
        ([], None, "test", 0.0, Part(None)),
        (["train"], None, "train", 0.1, Part("train", "train", 0.1, 0)),
        (["train"], "val", "test", 0.1, Part("train", "val", 0.1, 0)),
        (["train", "val"], None, "train", 0.1, Part("train")),
    ],
)
def test_what_is_read(there: list[str], asked: str | None, purpose: str, share: float | None, expected: Part) -> None:
    assert choose(there, asked, purpose, share=share, where="data") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("asked", "purpose"), [("trainval", "train"), (None, "test"), ("val", "test")])
def test_a_split_that_is_not_there_is_refused(asked: str | None, purpose: str) -> None:
    with pytest.raises(ValueError, match=r"data: no split .*; there are train "):
        choose(["train"], asked, purpose, where="data")  # type: ignore[arg-type]


def test_random_parts_go_by_names_alone() -> None:
    names = [f"image{number}" for number in range(50)]
    val = {names[row] for row in Part(None, "val", 0.2).rows(names)}
    assert len(val) == 10
    shuffled = names[::-1]
    assert {shuffled[row] for row in Part(None, "val", 0.2).rows(shuffled)} == val
    assert {names[row] for row in Part(None, "train", 0.2).rows(names)} == set(names) - val
    more = [*names, "one more"]
    assert len({more[row] for row in Part(None, "val", 0.2).rows(more)} ^ val) <= 2
    assert Part(None, "val", 0.01).rows(["a", "b"]) != []
    assert Part(None, "train", 0.99).rows(["a", "b"]) != []
