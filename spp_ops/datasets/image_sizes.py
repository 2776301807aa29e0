"""Sizes of images, stored and upright, and boxes drawn on the stored ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.decoding import ImageError, decode
from spp_ops.datasets.problems import Kind, Problems

UNTOLD_ORIENTATION = Kind(
    "image is turned by EXIF, and its size does not tell whether its boxes follow; taken to be the upright image's",
    "images are turned by EXIF, and their sizes do not tell whether boxes follow; taken to be the upright images'",
)


@dataclass(frozen=True)
class ImageSize:
    """Size of an image as `load_image` returns it, and the EXIF orientation (1 to 8) that it undid to get there.

    Attributes:
        width: in pixels.
        height: in pixels.
        orientation: as EXIF counts.
        mended: what was done to read it.
    """

    width: int
    height: int
    orientation: int = 1
    mended: tuple[Kind, ...] = ()

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
        pixels, orientation, mended = decode(path)
    except (ImageError, OSError) as error:
        return str(error)
    height, width, _ = pixels.shape
    return ImageSize(width, height, orientation, mended)


def readable(paths: Sequence[Path], problems: Problems) -> list[int]:
    """Decode every image once, so that none surprises later.

    Returns:
        Rows of the images that can be used; what is wrong with others goes to `problems`.
    """
    rows = []
    for row, (path, size) in enumerate(zip(paths, image_sizes(paths), strict=True)):
        with problems.noting():
            if isinstance(size, str):
                raise ValueError(size)
            for kind in size.mended:
                problems.mend(kind, path)
            rows.append(row)
    return rows


def drawn_on_stored(told: tuple[float, float] | None, size: ImageSize, at: object, problems: Problems) -> bool:
    """Tell from the size that an annotation gives whether its boxes are those of the image before it is turned.

    Args:
        told: width and height by the annotation; None: it has none.
        size: the image's.
        at: where the annotation is, for a note where both would have the same size; the boxes are then taken for the
            upright image's.
        problems: takes the note.

    Raises:
        ValueError: the image has another size.
    """
    if told is not None and told not in (size.upright, size.stored):
        raise ValueError(f"size {told[0]:g} x {told[1]:g}, but the image is {size}")
    if size.orientation != 1 and (told is None or size.upright == size.stored):
        problems.note(UNTOLD_ORIENTATION, at)
    return told is not None and told != size.upright
