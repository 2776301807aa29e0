"""The classification task of Pascal VOC: which classes a picture shows, several at a time."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from spp_ops.datasets.labelled import Notice, OnBad, TaggedImages, readable


def read_voc_classification(
    folder: str | os.PathLike[str], split: str, *, on_bad: OnBad = "refuse", notice: Notice = print
) -> TaggedImages:
    """Pictures and classes of one split.

    The classes come from the lists ``ImageSets/Main/CLASS_SPLIT.txt``, lines of a picture's name and 1, 0 (only
    difficult ones: does not count) or -1. Where there are none they follow, by the same rule, from the objects in
    ``Annotations/*.xml``.

    Args:
        folder: holds JPEGImages, ImageSets and, where there are no lists, Annotations.
        split: train, val, trainval, test.
        on_bad: what to do about pictures that can't be decoded: name and skip, or refuse.
        notice: told of each one that is skipped.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a line or an annotation is not as expected.
        ImageError: with "refuse": a picture can't be decoded.
    """
    root = Path(folder)
    main = root / "ImageSets" / "Main"
    names = _lines(main / f"{split}.txt")
    lists = sorted(main.glob(f"?*_{split}.txt"))
    if lists:
        columns = {path.name.removesuffix(f"_{split}.txt"): _read_list(path, names) for path in lists}
    else:
        columns = _from_annotations(root, names)
    paths = [_picture(root / "JPEGImages", name) for name in names]
    tags = np.array(list(columns.values()), dtype=np.int8).reshape(len(columns), len(names)).T
    return TaggedImages(tuple(paths), tags, tuple(columns)).subset(readable(paths, on_bad, notice))


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"no list of pictures at {path}")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path}: expected at least one picture, found none")
    return lines


def _read_list(path: Path, names: list[str]) -> list[int]:
    """Return a class's column, in the order of `names`."""
    column: dict[str, int] = {}
    for line in _lines(path):
        name, _, number = line.rpartition(" ")
        if number not in ("-1", "0", "1"):
            raise ValueError(f"{path}: expected a picture's name and -1, 0 or 1, got {line!r}")
        column[name.strip()] = int(number)
    missing = next((name for name in names if name not in column), None)
    if missing is not None:
        raise ValueError(f"{path}: expected a line for each picture of the split, found none for {missing}")
    return [column[name] for name in names]


def _from_annotations(root: Path, names: list[str]) -> dict[str, list[int]]:
    shown = [_classes_shown(root / "Annotations" / f"{name}.xml") for name in names]
    classes = sorted(set().union(*shown))
    if not classes:
        raise ValueError(f"{root}: expected objects in Annotations, found none")
    return {name: [picture.get(name, -1) for picture in shown] for name in classes}


def _classes_shown(path: Path) -> dict[str, int]:
    """1 for each class an annotation has objects of, 0 where all of them are difficult."""
    if not path.is_file():
        raise FileNotFoundError(f"no annotation at {path}")
    try:
        objects = ElementTree.parse(path).getroot().findall("object")
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: not XML: {error}") from error
    shown: dict[str, int] = {}
    for item in objects:
        name = (item.findtext("name") or "").strip()
        if not name:
            raise ValueError(f"{path}: expected a name in every object, found none")
        shown[name] = max(shown.get(name, 0), int((item.findtext("difficult") or "0").strip() != "1"))
    return shown


def _picture(folder: Path, name: str) -> Path:
    """Find the file of that name; VOC's are .jpg, and other endings will do."""
    usual = folder / f"{name}.jpg"
    if usual.is_file():
        return usual
    other = next(iter(sorted(folder.glob(f"{name}.*"))), None) if folder.is_dir() else None
    if other is None:
        raise FileNotFoundError(f"no picture {name} in {folder}")
    return other
