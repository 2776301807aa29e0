"""Boxes in CSV files: RetinaNet's rows, columns by their names, other delimiters."""

from __future__ import annotations

from pathlib import Path

import pytest
from format_files import write_image

from spp_ops.datasets import DetectionImages, read_csv_detection, read_detection

BOX = [10, 12, 59, 69]  # between the edges 10, 12, 60, 70


def read(tmp_path: Path, text: str, **options: object) -> tuple[DetectionImages, list[str]]:
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.jpg")
    (tmp_path / "boxes.csv").write_text(text, encoding="utf-8")
    notices: list[str] = []
    images = read_csv_detection(tmp_path / "boxes.csv", notice=notices.append, **options)  # type: ignore[arg-type]
    return images, notices


TABLES = {
    "retinanet": "a.jpg,10,12,60,70,cat\nb.jpg,,,,,\n",
    "tensorflow": "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,120,90,cat,10,12,60,70\nb.jpg,120,90,,,,,\n",
    "semicolons": "filename;xmin;ymin;xmax;ymax;class\na.jpg;10;12;60;70;cat\nb.jpg;;;;;\n",
    "byte order mark": "\ufeffimage,x1,y1,x2,y2,label\na.jpg,10,12,60,70,cat\nb.jpg,,,,,\n",
    "width and height": "image_path,x,y,w,h,class\na.jpg,10,12,50,58,cat\nb.jpg,,,,,\n",
    "of the box": "image_id,x,y,width,height,class_name\na,10,12,50,58,cat\nb,,,,,\n",
    "bbox": 'image_id,width,height,bbox,class\na,120,90,"[10, 12, 50, 58]",cat\nb,120,90,,\n',
    "open images": "ImageID,XMin,XMax,YMin,YMax,LabelName\na,0.0833333333,0.5,0.133333333,0.777777778,cat\nb,,,,,\n",
    "windows lines": "a.jpg,10,12,60,70,cat\r\nb.jpg,,,,,\r\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(tmp_path: Path, name: str) -> None:
    images, notices = read(tmp_path, TABLES[name])
    assert images.names == ("a", "b")
    assert images.classes == ("cat",)
    assert images.objects[0].boxes.round(4).tolist() == [BOX]
    assert len(images.objects[1]) == 0
    assert notices == []
    assert read_detection(tmp_path / "boxes.csv").names == ("a", "b")


def test_boxes_of_pixels(tmp_path: Path) -> None:
    assert read(tmp_path, TABLES["retinanet"], first_pixel=1)[0].objects[0].boxes.tolist() == [[9, 11, 59, 69]]
    assert read(tmp_path, TABLES["retinanet"], first_pixel=0)[0].objects[0].boxes.tolist() == [[10, 12, 60, 70]]


def test_one_class_without_a_column(tmp_path: Path) -> None:
    assert read(tmp_path, "image,x1,y1,x2,y2\na.jpg,10,12,60,70\n")[0].classes == ("object",)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("a.jpg,10,12,60,wide,cat", "expected the four numbers of a box, got "),
        ("a.jpg,10,12,,70,cat", "expected the four numbers of a box, got "),
        ("a.jpg,10,12,60,70,", "expected the name of a class, found none"),
        ("a.jpg,60,12,10,70,cat", "no pixel is inside"),
        ("a.jpg,10,12,60,nan,cat", "expected finite numbers"),
        (",10,12,60,70,cat", "expected an image's path, found none"),
        ("c.jpg,10,12,60,70,cat", "no image file at "),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: str, complaint: str) -> None:
    text = f"b.jpg,10,12,60,70,cat\n{row}\n"
    with pytest.raises(ValueError, match=r"boxes\.csv:2: ") as refused:
        read(tmp_path, text)
    assert complaint in str(refused.value)
    images, _ = read(tmp_path, text, on_bad="skip")
    assert images.names == ("b",)


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "expected rows"), ("a,b\n1,2\n", "expected path, x1, y1, x2, y2")]
)
def test_no_such_table(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"boxes\.csv.*: .*") as refused:
        read(tmp_path, text)
    assert complaint in str(refused.value)


def test_files_of_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_image(tmp_path / split / f"{split}.jpg")
        (tmp_path / split / "_annotations.csv").write_text(f"{split}.jpg,10,12,60,70,cat\n")
    assert read_detection(tmp_path).names == ("train",)
    assert read_detection(tmp_path, purpose="test").names == ("test",)
    for split in ("train", "test"):
        (tmp_path / f"{split}_labels.csv").write_text(f"{split}/{split}.jpg,10,12,60,70,cat\n")
        (tmp_path / split / "_annotations.csv").unlink()
    (tmp_path / "classes.csv").write_text("cat,0\n")
    assert read_detection(tmp_path).names == ("train",)
