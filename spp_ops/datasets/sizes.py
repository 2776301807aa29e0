"""Sizes of images, stored and upright, and boxes drawn on the stored ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from spp_ops.datasets.image import ImageError, load_image
from spp_ops.datasets.labeled import Notice


@dataclass(frozen=True)
class ImageSize:
    """Size of an image as `load_image` returns it, and the EXIF orientation (1 to 8) that it undid to get there."""

    width: int
    height: int
    orientation: int = 1

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height before the image was turned upright."""
        return (self.height, self.width) if self.orientation >= 5 else self.upright

    def turn_upright(self, boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Turn boxes [G, 4] of the stored image as the image itself is turned."""
        x1, y1, x2, y2 = boxes.T
        if self.orientation >= 5:  # first flipped about the diagonal
            x1, y1, x2, y2 = y1, x1, y2, x2
        if self.orientation in (2, 3, 6, 7):
            x1, x2 = self.width - 1 - x2, self.width - 1 - x1
        if self.orientation in (3, 4, 7, 8):
            y1, y2 = self.height - 1 - y2, self.height - 1 - y1
        return np.stack([x1, y1, x2, y2], axis=1)


def image_sizes(paths: Sequence[Path], threads: int = 2) -> list[ImageSize | str]:
    """Decode every image once and return its size, or why it can't be used.

    Args:
        paths: files.
        threads: images decoded at a time.
    """
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(_size, paths))


def _size(path: Path) -> ImageSize | str:
    try:
        height, width, _ = load_image(path).shape
        with Image.open(path) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (ImageError, OSError) as error:
        return str(error)
    return ImageSize(width, height, orientation if orientation in range(1, 9) else 1)


def drawn_on_stored(told: tuple[float, float], size: ImageSize, path: Path, notice: Notice) -> bool:
    """Tell from the size that an annotation gives whether its boxes are those of the image before it is turned.

    Args:
        told: width and height by the annotation.
        size: the image's.
        path: the annotation or the image, for `notice`.
        notice: told where both would have the same size; the boxes are then taken for the upright image's.

    Raises:
        ValueError: the image has another size.
    """
    if told not in (size.upright, size.stored):
        raise ValueError(f"size {told[0]:g} x {told[1]:g}, but the image is {size}")
    if size.orientation != 1 and size.upright == size.stored:
        notice(
            f"{path}: the image has EXIF orientation {size.orientation}, and its size does not tell whether the "
            "boxes follow it; taken to be those of the upright image"
        )
    return told != size.upright


def box_complaint(box: Sequence[float], size: ImageSize) -> str | None:
    """Return what is wrong with a box of the upright image, 0-based and last pixels included; None: nothing."""
    x1, y1, x2, y2 = box
    if not np.isfinite(box).all():
        return "expected finite numbers"
    if x2 <= x1 - 1 or y2 <= y1 - 1:
        return "no pixel is inside: the corners are reversed or the size is zero"
    # Less than a pixel too far is how outlines drawn by hand end at the edge.
    if min(x1, y1) <= -1 or x2 >= size.width or y2 >= size.height:
        return f"not inside the image, which is {size}"
    return None


def clip(boxes: npt.NDArray[np.float64], size: ImageSize) -> npt.NDArray[np.float32]:
    """Clip boxes [G, 4] to the image."""
    last = np.array([size.width - 1, size.height - 1] * 2)
    return boxes.clip(0, last).astype(np.float32)
