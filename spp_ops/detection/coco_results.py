"""Detections in COCO's results format: a JSON list of image_id, category_id, bbox (x, y, width, height) and score."""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.formats.coco_entries import Id, entry_id
from spp_ops.datasets.formats.json_lists import read_json_list
from spp_ops.detection.detections import Detections
from spp_ops.engine.files import atomic_write


def corner_and_size(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """[K, 4] x1, y1, x2, y2, last pixels included -> x, y, width, height."""
    wide = boxes.astype(np.float64)
    return np.concatenate([wide[:, :2], wide[:, 2:] - wide[:, :2] + 1], axis=1)


def corners(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """[K, 4] x, y, width, height -> x1, y1, x2, y2, last pixels included."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:] - 1], axis=1).astype(np.float32)


def write_coco_results(
    path: str | os.PathLike[str],
    ids: Sequence[Hashable],
    found: Sequence[Detections],
    categories: Mapping[Id, str] | None = None,
) -> None:
    """Write a results file, atomically.

    Args:
        path: of the file.
        ids: COCO's id of each image.
        found: the detections in each image.
        categories: names by their ids, as `read_coco_categories` gives them; None: labels counted from 1.

    Raises:
        ValueError: a detection's class is no category, or a number is not finite.
    """
    numbers = None if categories is None else {name: number for number, name in categories.items()}
    entries = [
        json.dumps({"image_id": image} | entry)
        for image, detections in zip(ids, found, strict=True)
        for entry in _entries(detections, numbers)
    ]
    with atomic_write(path) as temporary:
        temporary.write_text("[" + ",\n".join(entries) + "]\n", encoding="utf-8")


def _entries(detections: Detections, numbers: Mapping[str, Id] | None) -> list[dict[str, Any]]:
    if not (np.isfinite(detections.boxes).all() and np.isfinite(detections.scores).all()):
        raise ValueError("found: expected finite boxes and scores")
    if numbers is None:
        categories = [label + 1 for label in detections.labels.tolist()]
    else:
        unknown = set(detections.class_names) - set(numbers)
        if unknown:
            raise ValueError(f"categories: expected {', '.join(sorted(unknown))} among {', '.join(numbers)}")
        categories = [numbers[name] for name in detections.class_names]
    rows = zip(categories, corner_and_size(detections.boxes).tolist(), detections.scores.tolist(), strict=True)
    return [{"category_id": category, "bbox": box, "score": score} for category, box, score in rows]


def read_coco_results(
    path: str | os.PathLike[str],
    ids: Sequence[Hashable],
    classes: tuple[str, ...],
    categories: Mapping[Id, str] | None = None,
) -> list[Detections]:
    """Read a results file.

    Args:
        path: of the file.
        ids: COCO's id of each image that is wanted; those of others in the file are left out.
        classes: the classes' names, in the order of their labels.
        categories: names by their ids; None: labels counted from 1.

    Returns:
        The detections in each of the images, in the order of `ids`; there may be none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not as expected; the message names the line.
    """
    content = read_json_list(Path(path), "results")
    labels = {
        number: classes.index(name)
        for number, name in (categories or dict(enumerate(classes, 1))).items()
        if name in classes
    }
    rows: dict[Hashable, list[tuple[list[float], float, int]]] = {image: [] for image in ids}
    for row, entry in enumerate(content.lists["results"]):
        try:
            image, result = _result(entry, labels)
        except ValueError as error:
            raise ValueError(f"{content.at('results', row)}: {error}") from error
        if image in rows:
            rows[image].append(result)
    return [_detections(rows[image], classes) for image in ids]


def _result(entry: Any, labels: Mapping[Id, int]) -> tuple[Id, tuple[list[float], float, int]]:
    """Image id; box as COCO has it, score and label."""
    if not isinstance(entry, dict):
        raise ValueError(f"expected an object, got {entry!r}")
    image, category = entry_id(entry, "image_id"), entry_id(entry, "category_id")
    if category not in labels:
        raise ValueError(f"category_id: expected one of {list(labels)}, got {category!r}")
    try:
        numbers = np.array([*entry["bbox"], entry["score"]], np.float64)
    except (KeyError, TypeError, ValueError):
        numbers = np.zeros(0)
    if numbers.shape != (5,) or not np.isfinite(numbers).all() or (numbers[2:4] <= 0).any():
        raise ValueError(
            f"expected bbox (x, y, width, height) and score, got {entry.get('bbox')}, {entry.get('score')}"
        )
    return image, (numbers[:4].tolist(), float(numbers[4]), labels[category])


def _detections(rows: Sequence[tuple[list[float], float, int]], classes: tuple[str, ...]) -> Detections:
    return Detections(
        boxes=corners(np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)),
        scores=np.array([score for _, score, _ in rows], np.float32),
        labels=np.array([label for _, _, label in rows], np.int64),
        classes=classes,
    )
