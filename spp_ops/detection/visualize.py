"""Photos with the boxes of what is found in them, and of what is there."""

from __future__ import annotations

import colorsys
from typing import NamedTuple, TypeAlias

from PIL import Image, ImageDraw

from spp_ops.datasets.detection import Objects
from spp_ops.datasets.image import Pixels
from spp_ops.detection.detections import Detections
from spp_ops.engine.lettering import Lettering

Color: TypeAlias = tuple[int, int, int]
Rectangle: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom

LEAST_SIDE = 640  # a smaller image is enlarged until its longer side has this many pixels
_LEAST_ROOM = 8  # letters that a line of text has room for, whatever the image's width
_GAP = 8  # pixels between two images
_PAPER = (255, 255, 255)


class _Marked(NamedTuple):
    """A box to be drawn."""

    box: list[float]
    text: str
    color: Color


def draw_detections(image: Pixels, found: Detections, truth: Objects | None = None) -> Image.Image:
    """Draw what is found: a box each, in its class's color, with class and score.

    Args:
        image: uint8 [H, W, 3], RGB.
        found: in pixels of `image`.
        truth: the objects that are there, of the same classes; they are drawn on the photo a second time, to the left.

    Returns:
        The photo, enlarged if it is small; with `truth` two of them, each under a line that says which it is.
    """
    rows = zip(found.boxes.tolist(), found.class_names, found.scores.tolist(), found.labels.tolist(), strict=True)
    marked = [_Marked(box, f"{name} {score:.2f}", class_color(label)) for box, name, score, label in rows]
    drawn = _draw(image, marked)
    if truth is None:
        return drawn
    there = zip(truth.boxes.tolist(), truth.labels.tolist(), truth.difficult.tolist(), strict=True)
    known = [
        _Marked(box, found.classes[label] + (" (difficult)" if difficult else ""), class_color(label))
        for box, label, difficult in there
    ]
    return _beside(_draw(image, known), drawn, ("there", "found"))


def class_color(label: int) -> Color:
    """A color of its own for each class: hues as far apart as may be, whatever their number."""
    red, green, blue = colorsys.hsv_to_rgb((0.35 + label * 0.61803398875) % 1, 0.9, 1.0 if label % 2 == 0 else 0.8)
    return round(255 * red), round(255 * green), round(255 * blue)


def _draw(image: Pixels, marked: list[_Marked]) -> Image.Image:
    factor = max(LEAST_SIDE / max(image.shape[:2]), 1.0)
    size = max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1)
    drawn = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS) if factor > 1 else Image.fromarray(image)
    canvas = ImageDraw.Draw(drawn)
    width = max(round(max(size) / 300), 3)
    letters = max(round(max(size) / 50), 12)
    scaled = [
        mark._replace(box=[side * factor for side in mark.box[:2]] + [(side + 1) * factor - 1 for side in mark.box[2:]])
        for mark in marked
    ]
    for mark in reversed(scaled):  # the best on top
        outer = [mark.box[0] - 1, mark.box[1] - 1, mark.box[2] + 1, mark.box[3] + 1]
        canvas.rectangle(outer, outline=(0, 0, 0), width=width + 2)
        canvas.rectangle(mark.box, outline=mark.color, width=width)
    taken: list[Rectangle] = []
    for mark in scaled:
        taken.append(_label(canvas, mark, letters, size, taken))
    return drawn


def _label(
    canvas: ImageDraw.ImageDraw, mark: _Marked, letters: int, size: tuple[int, int], taken: list[Rectangle]
) -> Rectangle:
    """Write a box's text where it hides no other text, if there is such a place; return the place."""
    pad = max(round(letters / 6), 2)
    lettering = Lettering.of(mark.text, letters, (max(size[0] * 2 // 3, _LEAST_ROOM * letters) - 2 * pad, size[1] // 2))
    wide, high = lettering.width + 2 * pad, lettering.height
    x1, y1, x2, y2 = mark.box
    corners = ((x1, y1 - high), (x2 - wide, y1 - high), (x1, y2), (x2 - wide, y2), (x1, y1), (x1, y2 - high))
    places = [_inside(x, y, wide, high, size) for x, y in corners]
    free = (place for place in places if not any(_meet(place, other) for other in taken))
    place = next(free, places[0])
    canvas.rectangle(place, fill=mark.color)
    brightness = 0.299 * mark.color[0] + 0.587 * mark.color[1] + 0.114 * mark.color[2]
    text = (0, 0, 0) if brightness > 110 else (255, 255, 255)
    lettering.draw(canvas, place[0] + pad, place[1], text)
    return place


def _inside(x: float, y: float, wide: float, high: float, size: tuple[int, int]) -> Rectangle:
    """The rectangle moved into the image."""
    x, y = max(min(x, size[0] - wide), 0), max(min(y, size[1] - high), 0)
    return x, y, x + wide, y + high


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _beside(left: Image.Image, right: Image.Image, titles: tuple[str, str]) -> Image.Image:
    letters = max(round(max(left.size) / 40), 14)
    strip = round(letters * 1.6)
    page = Image.new("RGB", (left.width + _GAP + right.width, strip + max(left.height, right.height)), _PAPER)
    canvas = ImageDraw.Draw(page)
    for image, title, x in ((left, titles[0], 0), (right, titles[1], left.width + _GAP)):
        page.paste(image, (x, strip))
        lettering = Lettering.of(title, letters, (image.width, strip))
        lettering.draw(canvas, x + (image.width - lettering.width) / 2, (strip - lettering.height) / 2, (0, 0, 0))
    return page
