"""Small files of every format, as tools write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = "<size><width>120</width><height>90</height><depth>3</depth></size>"
OBJECT = (
    "<object><name>cat</name><difficult>0</difficult>\n"
    "<bndbox><xmin>10</xmin><ymin>12</ymin><xmax>60</xmax><ymax>70</ymax></bndbox></object>"
)
BOX = [9, 11, 59, 69]  # that object's, in 0-based pixels


def write_image(path: Path, size: tuple[int, int] = (120, 90), **options: Any) -> Path:
    """An image of random pixels, the same for the same name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(sum(path.name.encode()))
    Image.fromarray(random.integers(0, 255, (size[1], size[0], 3), np.uint8)).save(path, **options)
    return path


def annotation(*parts: str) -> str:
    """An annotation of Pascal VOC's, each part on a line of its own, the first on line 2."""
    return "\n".join(["<annotation>", *parts, "</annotation>"])


def write_voc(root: Path, texts: dict[str, str | bytes | None], lists: dict[str, list[str]] | None = None) -> Path:
    """Annotations by the images' names; None: an image without."""
    for name, text in texts.items():
        write_image(root / "JPEGImages" / f"{name}.jpg")
        path = root / "Annotations" / f"{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for split, lines in ({"trainval": [*texts]} if lists is None else lists).items():
        path = root / "ImageSets" / "Main" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
    return root


def coco_content() -> dict[str, Any]:
    """Two images with a cat and a dog, one without objects."""
    images = [
        {"id": i, "file_name": f"{name}.jpg", "width": 120, "height": 90} for i, name in ((1, "a"), (2, "b"), (7, "c"))
    ]
    objects = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 12, 50, 40], "area": 1500, "iscrowd": 0},
        {"id": 2, "image_id": 2, "category_id": 3, "bbox": [5.5, 6.25, 30, 20], "area": 500.5, "iscrowd": 0},
    ]
    categories = [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}]
    return {"images": images, "annotations": objects, "categories": categories}


def write_coco(path: Path, content: dict[str, Any], images: Path | None = None) -> Path:
    """The file, and its images beside it or in a folder, unless it calls them otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    told = [entry.get("file_name") for entry in content["images"]]
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        if any(str(each).lower().partition("?")[0].endswith(name) for each in told):
            write_image((images or path.parent) / name)
    return path
