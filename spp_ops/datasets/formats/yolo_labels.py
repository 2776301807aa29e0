"""Label files of YOLO: a line an object, its class's number and its box or outline in shares of the image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from spp_ops.datasets.formats.base import AnnotatedObject
from spp_ops.datasets.problems import Kind, Problems

AROUND = Kind("box laid around an outline", "boxes laid around outlines")
_FARTHEST = 2.0  # a larger number is one of pixels


def read_labels(
    path: Path, names: Mapping[int, str] | None, keypoints: bool, problems: Problems
) -> tuple[list[AnnotatedObject], int]:
    """Return a file's objects that can be read, and how many can't; what is wrong with these goes to `problems`.

    Args:
        path: of the label file.
        names: of the classes by their numbers; None: the numbers are the names.
        keypoints: numbers after the first box are points, no outline.
        problems: takes what is wrong.

    Raises:
        ValueError: the file is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8: {error}") from error
    objects, lost = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        lost += 1
        with problems.noting():
            objects.append(_object(line.split(), f"{path}:{number}", names, keypoints, problems))
            lost -= 1
    return objects, lost


def _object(
    words: list[str], at: str, names: Mapping[int, str] | None, keypoints: bool, problems: Problems
) -> AnnotatedObject:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise ValueError(f"{at}: expected numbers with spaces between, got {' '.join(words)[:60]!r}") from None
    label, values = numbers[0], numbers[1:]
    if label < 0 or label != math.floor(label):
        raise ValueError(f"{at}: expected the number of a class, got {words[0]!r}")
    if names is not None and int(label) not in names:
        raise ValueError(f"{at}: class {int(label)}, but the names go from {min(names)} to {max(names)}")
    if len(values) == 4 or (keypoints and len(values) > 4):
        x, y, width, height = values[:4]
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    elif len(values) >= 6 and len(values) % 2 == 0:
        problems.mend(AROUND, at, f"expected a class and 4 numbers, got {len(words)}")
        box = (min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))
    else:
        raise ValueError(f"{at}: expected a class and 4 numbers, or an outline of 3 or more points, got {len(words)}")
    if any(abs(value) > _FARTHEST for value in box):
        raise ValueError(f"{at}: expected shares of the image's width and height, got {' '.join(words[1:])[:60]}")
    shown = " ".join(words[:5]) + (" ..." if len(words) > 5 else "")
    return AnnotatedObject(str(int(label)) if names is None else names[int(label)], box, at, shown)
