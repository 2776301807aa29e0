"""The files that snippets name: data sets, photos and runs, small and generated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
from PIL import Image
from scenes import write_scenes
from shape_images import write_shape_folders
from small_detectors import photo, small_detector

World = Callable[[Path], None]


def photos(folder: Path) -> None:
    """photo.jpg and street.jpg, a folder of photos, one of folders, and a clip."""
    for number, name in enumerate(["photo.jpg", "street.jpg", "photos/a.jpg", "photos/b.jpg", "more/deep/c.png"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(90, 120, seed=number)).save(path)
    video = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 5, (120, 90))
    for number in range(2):
        video.write(photo(90, 120, seed=number)[..., ::-1].copy())
    video.release()


def detection_data(folder: Path) -> None:
    """DATA: Pascal VOC's layout, two classes."""
    write_scenes(folder / "DATA", {"train": 4, "trainval": 4, "val": 2, "test": 2})


def voc2007(folder: Path) -> None:
    """VOC2007 and data/VOC2007, of the same kind."""
    write_scenes(folder / "VOC2007", {"train": 4, "val": 4, "trainval": 6, "test": 4})
    shutil.copytree(folder / "VOC2007", folder / "data" / "VOC2007")


def image_folders(folder: Path) -> None:
    """DATA: two classes of images, for training and for tests."""
    write_shape_folders(folder / "DATA", images={"train": 6, "val": 2}, shapes=("cross", "disc"))


def coco_data(folder: Path) -> None:
    """train.json and train2017: COCO's layout."""
    images = []
    for number in range(2):
        name = f"{number:012}.jpg"
        (folder / "train2017").mkdir(exist_ok=True)
        Image.fromarray(photo(60, 80, seed=number)).save(folder / "train2017" / name)
        images.append({"id": number, "file_name": name, "width": 80, "height": 60})
    boxes = [
        {"id": 1 + each["id"], "image_id": each["id"], "category_id": 1, "bbox": [5, 5, 20, 20]} for each in images
    ]
    data = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "thing"}]}
    (folder / "train.json").write_text(json.dumps(data))


def detector_run(folder: Path) -> None:
    """RUN: a small detector that was not trained."""
    small_detector(scales=(64,)).save(folder / "RUN")


# What each page's snippets find in their folder; a page that is not listed finds nothing.
WORLDS: dict[str, tuple[World, ...]] = {
    "README.md": (photos,),
    "docs/classification.md": (photos, image_folders, voc2007),
    "docs/command_line.md": (photos,),
    "docs/data.md": (photos, detection_data),
    "docs/detection.md": (photos, detection_data),
    "docs/export.md": (photos, detector_run),
    "docs/detection_staged.md": (voc2007,),
    "docs/proposals.md": (photos, voc2007, coco_data),
    "docs/quickstart.md": (photos,),
    "docs/runs.md": (image_folders,),
    "docs/tutorials/your_photos.md": (photos, detection_data),
}
