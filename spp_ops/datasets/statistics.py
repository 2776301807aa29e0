"""What a detection set is like in numbers: objects a class, sizes and ratios of boxes, what is odd about them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.problems import Kind, Problems

TWO_BOXES = Kind("object twice: the same class and box", "objects twice: the same class and box")
TWO_SPLITS = Kind("image in two splits, byte for byte", "images in two splits, byte for byte")
TINY = Kind("box of less than 8 pixels a side", "boxes of less than 8 pixels a side")

_SHARES = (0, 5, 50, 95, 100)  # percentiles
_LARGE, _MEDIUM = 96.0**2, 32.0**2  # COCO's limits, pixels
_TINY = 8


@dataclass(frozen=True)
class Spread:
    """Least, 5 %, median, 95 % and most of some numbers; empty: there are none."""

    values: tuple[float, ...]

    @staticmethod
    def of(numbers: npt.NDArray[np.floating[Any]]) -> Spread:
        """Work them out."""
        return Spread(tuple(np.percentile(numbers, _SHARES).tolist()) if numbers.size else ())

    def __str__(self) -> str:
        if not self.values:
            return "none"
        least, low, median, high, most = (f"{value:.4g}" for value in self.values)
        return f"{median} (5 to 95 %: {low} to {high}; all: {least} to {most})"


@dataclass(frozen=True)
class DetectionStatistics:
    """Numbers of a set.

    Attributes:
        images: how many.
        without_objects: how many of them show none.
        objects: of each class, difficult ones included.
        difficult: of each class.
        sizes: boxes of less than 32 x 32 pixels, up to 96 x 96, above: small, medium, large.
        width: of boxes, in pixels.
        height: likewise.
        ratio: of boxes, width to height.
        a_image: objects an image.
    """

    images: int
    without_objects: int
    objects: dict[str, int]
    difficult: dict[str, int]
    sizes: dict[str, int]
    width: Spread
    height: Spread
    ratio: Spread
    a_image: Spread

    @staticmethod
    def of(images: DetectionImages) -> DetectionStatistics:
        """Count."""
        boxes = np.concatenate([objects.boxes.astype(np.float64) for objects in images.objects] or [np.zeros((0, 4))])
        labels = np.concatenate([objects.labels for objects in images.objects] or [np.zeros(0, np.int64)])
        hard = np.concatenate([objects.difficult for objects in images.objects] or [np.zeros(0, np.bool_)])
        width, height = (boxes[:, 2:] - boxes[:, :2] + 1).T
        areas = width * height
        sizes = {
            "small": int((areas < _MEDIUM).sum()),
            "medium": int(((areas >= _MEDIUM) & (areas < _LARGE)).sum()),
            "large": int((areas >= _LARGE).sum()),
        }
        counts = np.array([len(objects) for objects in images.objects], np.float64)
        return DetectionStatistics(
            images=len(images),
            without_objects=int((counts == 0).sum()),
            objects={name: int((labels == label).sum()) for label, name in enumerate(images.classes)},
            difficult={name: int((hard & (labels == label)).sum()) for label, name in enumerate(images.classes)},
            sizes=sizes,
            width=Spread.of(width),
            height=Spread.of(height),
            ratio=Spread.of(width / height),
            a_image=Spread.of(counts),
        )

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON; spreads are least, 5 %, median, 95 %, most."""
        spreads = {"width": self.width, "height": self.height, "ratio": self.ratio, "objects_an_image": self.a_image}
        return {
            "images": self.images,
            "without_objects": self.without_objects,
            "objects": self.objects,
            "difficult": self.difficult,
            "sizes": self.sizes,
            **{name: list(spread.values) for name, spread in spreads.items()},
        }


def note_odd_objects(images: DetectionImages, problems: Problems) -> None:
    """Note what is allowed and may still be a mistake: objects that are there twice, boxes of a few pixels."""
    for path, objects in zip(images.paths, images.objects, strict=True):
        rows = np.column_stack([objects.boxes, objects.labels])
        for _ in range(len(rows) - len(np.unique(rows, axis=0))):
            problems.note(TWO_BOXES, path)
        sides = objects.boxes[:, 2:] - objects.boxes[:, :2] + 1
        for _ in range(int((sides < _TINY).any(axis=1).sum())):
            problems.note(TINY, path)


def note_shared_images(splits: Mapping[str, DetectionImages], problems: Problems) -> None:
    """Note images that are in more than one of the splits that should have none in common."""
    seen: dict[bytes, tuple[str, Path]] = {}
    for split, images in splits.items():
        for path in images.paths:
            digest = hashlib.sha256(path.read_bytes()).digest()
            other, first = seen.setdefault(digest, (split, path))
            if other != split:
                problems.note(TWO_SPLITS, f"{path} ({split}) and {first} ({other})")
