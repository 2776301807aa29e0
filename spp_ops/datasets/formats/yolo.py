"""YOLO's labels: a text file an image, boxes in shares of it (Ultralytics, Roboflow, darknet, labelImg, CVAT)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.assemble import assemble
from spp_ops.datasets.formats.base import AnnotatedImage, AnnotatedObject, AnnotatedSet, ReadOptions
from spp_ops.datasets.formats.yolo_files import YoloSet, find_yolo, images_of, label_file
from spp_ops.datasets.formats.yolo_labels import read_labels
from spp_ops.datasets.problems import Kind, Notice, OnBad, Problems

NO_NAMES = Kind("set without names of its classes: their numbers are the names", "sets without names of classes")
NO_IMAGE = Kind("label file without an image", "label files without images")


def read_yolo_detection(
    data: str | os.PathLike[str],
    split: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    on_bad: OnBad = "refuse",
    strict: bool = False,
    notice: Notice = print,
) -> DetectionImages:
    """Images and objects of one split; an image without a label file is one without objects.

    All images are decoded once. Boxes are those of the upright image, and come out in its pixels.

    Args:
        data: a data.yaml, or a folder that holds one, or images and labels in one of the layouts in docs/data.md.
        split: train, val, test; None: of a set without splits.
        classes: the classes, in the order of their labels, as a trained detector knows them. None: the set's own.
        on_bad: what to do about what is wrong: name and skip the image or the object, or refuse.
        strict: what could be mended is wrong as well.
        notice: told of what is mended and skipped.

    Raises:
        ValueError: it is no such set, no image can be used, or, with "refuse", something is wrong; the first few things
            are named with their files and lines.
    """
    problems = Problems(on_bad, notice, strict)
    images = assemble(YoloFormat().read(Path(data), split, ReadOptions(), problems), classes, problems)
    problems.finish()
    return images


class YoloFormat:
    """YOLO's data.yaml, or its folders."""

    name = "yolo"
    expects = "data.yaml, or folders of images and labels (*.txt)"
    takes_images = False

    def recognizes(self, data: Path) -> bool:
        """Say whether this is such a set."""
        return find_yolo(data) is not None

    def splits(self, data: Path) -> tuple[str, ...]:
        """The splits that the set has."""
        found = find_yolo(data)
        return () if found is None else tuple(name for name in found.sources if name is not None)

    def categories(self, data: Path, split: str | None) -> None:
        """None: classes have names alone."""

    def read(self, data: Path, split: str | None, options: ReadOptions, problems: Problems) -> AnnotatedSet:
        """Images of a split; None: of a set without."""
        found = find_yolo(data)
        if found is None:
            raise ValueError(f"{data}: expected a data.yaml or folders of images and labels, found none")
        images: list[AnnotatedImage] = []
        for path, place in images_of(found, split, problems).items():
            with problems.noting():
                images.append(_image(path, place, found, problems))
        if not images and not problems.lines:
            raise ValueError(f"{found.where}: expected images in {', '.join(found.sources[split])}, found none")
        names = found.names
        if names is None:
            problems.note(NO_NAMES, found.where)
            numbers = [int(item.name) for image in images for item in image.objects]
            names = {number: str(number) for number in range(max(numbers, default=-1) + 1)}
        _note_lost_labels(images, problems)
        return AnnotatedSet(str(found.where), images, tuple(dict.fromkeys(names.values())))


def _image(path: Path, place: str, found: YoloSet, problems: Problems) -> AnnotatedImage:
    labels = label_file(path)
    objects: list[AnnotatedObject] = []
    lost = 0
    if labels.is_file():
        objects, lost = read_labels(labels, found.names, found.keypoints, problems)
    elif labels.is_symlink():
        raise ValueError(f"{labels}: a link to a file that is not there")
    return AnnotatedImage(path, path.stem, None, place, None, objects, relative=True, own_problems=lost)


def _note_lost_labels(images: Sequence[AnnotatedImage], problems: Problems) -> None:
    """Note label files that no image goes with."""
    labels = {label_file(image.path) for image in images}
    for folder in sorted({path.parent for path in labels}):
        for path in sorted(folder.glob("*.txt")) if folder.is_dir() else []:
            lists = ("classes.txt", "train.txt", "val.txt", "test.txt", "readme.txt")
            if path not in labels and path.name.lower() not in lists and not path.name.startswith("README"):
                problems.note(NO_IMAGE, path)
