"""`check`: every problem of a set, numbers, a contact sheet, and exit codes for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from format_files import OBJECT, SIZE, annotation, coco_content, write_coco, write_image, write_voc
from PIL import Image

from spp_ops.cli import main

GOOD = annotation(SIZE, OBJECT)
OUTSIDE = annotation(SIZE, OBJECT.replace(">60<", ">130<"))
REVERSED = annotation(SIZE, OBJECT.replace(">60<", ">5<"))


def check(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_a_good_set(tmp_path: Path) -> None:
    write_voc(tmp_path / "data", {"a": GOOD, "b": annotation(SIZE)})
    result = check(tmp_path / "data", "--json", tmp_path / "c.json", "--sheet", tmp_path / "c.png")
    assert result.exit_code == 0, result.output
    assert (
        f"{tmp_path / 'data'} (voc), trainval: 2 images (1 without objects); objects: cat 1; first: a, b"
        in result.output
    )
    assert "boxes: 0 small, 1 medium, 0 large" in result.output
    assert "width: 51 " in result.output
    assert "width / height: 0.8644 " in result.output
    assert result.output.endswith("0 refused, 0 mended\n")
    split = json.loads((tmp_path / "c.json").read_text())["splits"]["trainval"]
    assert split["problems"] == []
    statistics = split["statistics"]
    assert (statistics["images"], statistics["without_objects"], statistics["objects"]) == (2, 1, {"cat": 1})
    assert statistics["width"] == [51.0] * 5
    assert statistics["objects_an_image"][2] == 0.5
    sheet = Image.open(tmp_path / "c.png")
    assert sheet.size == (2 * 206 + 6, 206 + 6 + 18 + 6)  # two images, and a line of classes
    box = np.asarray(sheet.crop((6, 6, 206, 206)))
    assert (box == (230, 25, 75)).all(axis=2).any()  # the first class's color


def test_all_problems_are_listed(tmp_path: Path) -> None:
    names = [f"{number:02}" for number in range(14)]
    write_voc(tmp_path, dict.fromkeys(names, REVERSED) | {"a": GOOD, "b": OUTSIDE, "c": OUTSIDE})
    result = check(tmp_path, "--json", tmp_path / "c.json")
    assert result.exit_code == 1, result.output
    assert result.output.count("no pixel is inside") == 14
    assert "mended: 2 boxes clipped to their images" in result.output
    for name in ("b", "c"):
        assert f"  {tmp_path / 'Annotations' / name}.xml:4" in result.output
    assert result.output.endswith("28 refused, 2 mended\n")  # each box, and its image that has no other
    split = json.loads((tmp_path / "c.json").read_text())["splits"]["trainval"]
    assert len(split["problems"]) == 28
    assert len(split["mended"]["boxes clipped to their images"]) == 2


def test_strict_refuses_what_would_be_mended(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": GOOD, "b": OUTSIDE})
    assert check(tmp_path).exit_code == 0
    result = check(tmp_path, "--strict")
    assert result.exit_code == 1
    assert "refused: " in result.output
    assert "not inside the image, which is 120 x 90" in result.output


def test_a_set_of_which_nothing_can_be_used(tmp_path: Path) -> None:
    write_voc(tmp_path, {"a": REVERSED})
    result = check(tmp_path, "--json", tmp_path / "c.json")
    assert result.exit_code == 1
    assert "trainval: nothing can be used" in result.output
    assert json.loads((tmp_path / "c.json").read_text())["splits"]["trainval"]["statistics"] is None


def test_every_split_and_what_they_share(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_coco(tmp_path / split / "_annotations.coco.json", coco_content())
    result = check(tmp_path)
    assert result.exit_code == 0, result.output
    assert "(coco), train: 3 images" in result.output
    assert "(coco), valid: 3 images" in result.output
    assert "noted: 3 images in two splits, byte for byte" in result.output
    assert "train" not in check(tmp_path, "--split", "val").output.replace("trainval", "").partition(":")[0]


def test_odd_objects_are_noted(tmp_path: Path) -> None:
    tiny = OBJECT.replace(">60<", ">12<")
    write_voc(tmp_path, {"a": annotation(SIZE, OBJECT, OBJECT, tiny)})
    result = check(tmp_path)
    assert result.exit_code == 0
    assert "noted: 1 object twice: the same class and box" in result.output
    assert "noted: 1 box of less than 8 pixels a side" in result.output


def test_image_folders(tmp_path: Path) -> None:
    for name in ("train/cat/1.jpg", "train/dog/2.jpg", "val/cat/3.jpg"):
        write_image(tmp_path / name)
    (tmp_path / "train" / "dog" / "notes").write_text("")
    result = check(tmp_path)
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'train'}: 2 images; cat 1, dog 1; first: cat/1.jpg, dog/2.jpg" in result.output
    assert "noted: 1 file left out, as its name does not end as images' do" in result.output
    (tmp_path / "train" / "dog" / "2.jpg").write_bytes(b"")
    assert check(tmp_path).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["none"], "no data at"),
        ([], "DATA: expected a folder or file"),
        (["."], "found none"),
        (["data", "--split", "nothing"], "no split nothing; there are trainval"),
        (["data", "--format", "coco"], "expected a JSON file"),
        (["data", "--first-pixel", "2"], "--first-pixel"),
        (["data", "--annotations", "x.json"], "--annotations: expected it or DATA"),
    ],
)
def test_what_is_asked_for_wrongly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_voc(tmp_path / "data", {"a": GOOD})
    result = check(*arguments)
    assert result.exit_code == 2, result.output
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_contact_sheet_of_many_classes_of_all_letters(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(40)] + ["猫", "[red]", "$x_1$"]
    objects = [OBJECT.replace("cat", name) for name in names]
    write_voc(tmp_path, {"a": annotation(SIZE, *objects)})
    assert check(tmp_path, "--sheet", tmp_path / "c.png").exit_code == 0
    assert Image.open(tmp_path / "c.png").height > 206 + 6 + 10 * 18  # in as many lines as they need
