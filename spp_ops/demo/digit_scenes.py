"""One image of the digit set: a piece of a photo with handwritten digits on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from spp_ops.datasets.image import Pixels

Shade: TypeAlias = npt.NDArray[np.float32]  # [h, w], 0 (nothing) to 1 (ink)

HEIGHTS = (16, 160)  # pixels, of digits
MOST = 5  # digits in an image
_TURN = 12.0  # degrees, either way
_ASPECT = (0.8, 1.25)
_GAP = 3  # pixels between digits
_CONTRAST = 70  # of 255: least difference of brightness between a digit and what is behind it
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Sources:
    """What images are made of.

    Attributes:
        digits: for each class's name handwritten digits [n, 8, 8], 0 to 16.
        photos: photos.
    """

    digits: dict[str, npt.NDArray[np.float64]]
    photos: list[Pixels]


@dataclass(frozen=True)
class Scene:
    """An image, the boxes of its digits (float32 [G, 4], 0-based, last pixels included) and their classes' names."""

    pixels: Pixels
    boxes: npt.NDArray[np.float32]
    names: tuple[str, ...]


def draw_scene(sources: Sources, sides: tuple[int, int], random: np.random.Generator) -> Scene:
    """Draw an image whose sides are in the range given."""
    width, height = (int(side) for side in random.integers(sides[0], sides[1] + 1, 2))
    canvas = _ground(sources.photos[random.integers(len(sources.photos))], width, height, random)
    boxes: list[tuple[int, int, int, int]] = []
    names: list[str] = []
    classes = list(sources.digits)
    for _ in range(random.integers(1, MOST + 1)):
        name = classes[random.integers(len(classes))]
        digit = sources.digits[name][random.integers(len(sources.digits[name]))]
        box = add_digit(canvas, digit, _digit_height(min(width, height), random), boxes, random)
        if box is not None:
            boxes.append(box)
            names.append(name)
    if not boxes:  # the only one was too wide
        return draw_scene(sources, sides, random)
    pixels = canvas.clip(0, 255).round().astype(np.uint8)
    return Scene(pixels, np.array(boxes, np.float32), tuple(names))


def add_digit(
    canvas: npt.NDArray[np.float32],
    digit: npt.NDArray[np.float64],
    height: int,
    taken: list[tuple[int, int, int, int]],
    random: np.random.Generator,
) -> tuple[int, int, int, int] | None:
    """Draw a digit of this height on a canvas [H, W, 3], apart from boxes that are taken, and return its own box.

    None: there is hardly a place.
    """
    shade = draw_digit(digit, height, random)
    box = _place(shade, taken, canvas.shape[1], canvas.shape[0], random)
    if box is not None:
        _paint(canvas, shade, box, random)
    return box


def draw_digit(digit: npt.NDArray[np.float64], height: int, random: np.random.Generator) -> Shade:
    """Enlarge a digit [8, 8] to about this height, turned and stretched a little, trimmed to what shows."""
    padded = np.pad(digit.astype(np.float32) / 16, 1)
    rows, columns = (np.flatnonzero(padded.max(axis=axis) > 0.25) for axis in (1, 0))
    small = Image.fromarray(padded[rows[0] - 1 : rows[-1] + 2, columns[0] - 1 : columns[-1] + 2])
    scale = height / len(rows)
    size = round(small.width * scale * random.uniform(*_ASPECT)), round(small.height * scale)
    large = small.resize(size, Image.Resampling.BICUBIC)
    turned = large.rotate(random.uniform(-_TURN, _TURN), Image.Resampling.BICUBIC, expand=True)
    # From the blurred digit to strokes with an edge of about a pixel and a half.
    shade = ((np.asarray(turned) - 0.48) * max(scale / 1.5, 2.5) + 0.5).clip(0, 1)
    rows, columns = (np.flatnonzero(shade.max(axis=axis) > 0.5) for axis in (1, 0))
    return shade[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _digit_height(side: int, random: np.random.Generator) -> int:
    """Small ones as often as large ones, on a logarithmic scale."""
    highest = min(HEIGHTS[1], 0.8 * side)
    return round(float(np.exp(random.uniform(np.log(HEIGHTS[0]), np.log(highest)))))


def _place(
    shade: Shade, taken: list[tuple[int, int, int, int]], width: int, height: int, random: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """Find a free place; None: there is hardly one."""
    high, wide = shade.shape
    if high > height or wide > width:
        return None
    for _ in range(20):
        x, y = int(random.integers(width - wide + 1)), int(random.integers(height - high + 1))
        box = x, y, x + wide - 1, y + high - 1
        if all(
            box[0] > other[2] + _GAP or other[0] > box[2] + _GAP or box[1] > other[3] + _GAP or other[1] > box[3] + _GAP
            for other in taken
        ):
            return box
    return None


def _ground(photo: Pixels, width: int, height: int, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Cut a piece out of a photo, flipped or not, lighter or darker, and scale it to this size."""
    high, wide = photo.shape[:2]
    largest = min(high / height, wide / width)
    scale = largest * random.uniform(0.6, 1.0)
    x, y = random.uniform(0, wide - width * scale), random.uniform(0, high - height * scale)
    piece = Image.fromarray(photo).resize(
        (width, height), Image.Resampling.BICUBIC, box=(x, y, x + width * scale, y + height * scale)
    )
    pixels = np.asarray(piece, np.float32)
    pixels = pixels[:: random.choice([-1, 1]), :: random.choice([-1, 1])]
    return (pixels - 128) * random.uniform(0.6, 1.1) + 128 + random.uniform(-40, 40)


def _paint(
    canvas: npt.NDArray[np.float32], shade: Shade, box: tuple[int, int, int, int], random: np.random.Generator
) -> None:
    """Lay ink of a random color on the canvas, of a brightness that shows."""
    x1, y1, x2, y2 = box
    behind = canvas[y1 : y2 + 1, x1 : x2 + 1]
    brightness = float((behind @ _LUMA).mean())
    color = random.uniform(0, 255, 3).astype(np.float32)
    while abs(float(color @ _LUMA) - brightness) < _CONTRAST:
        color = random.uniform(0, 255, 3).astype(np.float32)
    opacity = shade[:, :, None] * random.uniform(0.85, 1.0)
    behind += opacity * (color + random.normal(0, 5, behind.shape) - behind)
