"""The classification task of Pascal VOC: which classes an image shows, several at a time."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from spp_ops.datasets.formats.voc_files import read_list, split_file
from spp_ops.datasets.formats.voc_xml import parse_annotation
from spp_ops.datasets.image_files import ImageFinder
from spp_ops.datasets.labeled import Notice, OnBad, TaggedImages, readable


def read_voc_classification(
    folder: str | os.PathLike[str],
    split: str,
    *,
    on_bad: OnBad = "refuse",
    strict: bool = False,
    notice: Notice = print,
) -> TaggedImages:
    """Images and classes of one split.

    The classes come from the lists ``ImageSets/Main/CLASS_SPLIT.txt``, lines of an image's name and 1, 0 (only
    difficult ones: does not count) or -1. Where there are none they follow, by the same rule, from the objects in
    ``Annotations/*.xml``.

    Args:
        folder: holds JPEGImages, ImageSets and, where there are no lists, Annotations.
        split: train, val, trainval, test.
        on_bad: what to do about images that can't be decoded: name and skip, or refuse.
        strict: what could be mended is refused.
        notice: told of what is mended and skipped.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a line or an annotation is not as expected.
        ImageError: with "refuse": an image can't be decoded.
    """
    root = Path(folder)
    list_file = split_file(root, split)
    names = list(read_list(list_file).values())
    lists = sorted(list_file.parent.glob(f"?*_{split}.txt"))
    if lists:
        columns = {path.name.removesuffix(f"_{split}.txt"): _read_list(path, names) for path in lists}
    else:
        columns = _from_annotations(root, names)
    finder = ImageFinder(root / "JPEGImages")
    paths = [finder.by_stem(name) for name in names]
    tags = np.array(list(columns.values()), dtype=np.int8).reshape(len(columns), len(names)).T
    return TaggedImages(tuple(paths), tags, tuple(columns)).subset(readable(paths, on_bad, notice, strict=strict))


def _read_list(path: Path, names: list[str]) -> list[int]:
    """Return a class's column, in the order of `names`."""
    column: dict[str, int] = {}
    for line_number, line in read_list(path).items():
        name, _, number = line.rpartition(" ")
        if number not in ("-1", "0", "1"):
            raise ValueError(f"{path}:{line_number}: expected an image's name and -1, 0 or 1, got {line!r}")
        column[name.strip()] = int(number)
    missing = next((name for name in names if name not in column), None)
    if missing is not None:
        raise ValueError(f"{path}: expected a line for each image of the split, found none for {missing}")
    return [column[name] for name in names]


def _from_annotations(root: Path, names: list[str]) -> dict[str, list[int]]:
    shown = [_classes_shown(root / "Annotations" / f"{name}.xml") for name in names]
    classes = sorted(set().union(*shown))
    if not classes:
        raise ValueError(f"{root}: expected objects in Annotations, found none")
    return {name: [image.get(name, -1) for image in shown] for name in classes}


def _classes_shown(path: Path) -> dict[str, int]:
    """1 for each class an annotation has objects of, 0 where all of them are difficult."""
    annotation = parse_annotation(path)
    shown: dict[str, int] = {}
    for item in annotation.root.findall("object"):
        name = (item.findtext("name") or "").strip()
        if not name:
            raise ValueError(f"{annotation.at(item)}: expected a name in every object, found none")
        shown[name] = max(shown.get(name, 0), int((item.findtext("difficult") or "0").strip() != "1"))
    return shown
