"""Many images of a set on one, with their boxes, and the colors of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.image import load_image
from spp_ops.engine.fonts import with_fonts

_COLUMNS, _SIDE, _GAP = 6, 200, 6  # thumbnails a row, and pixels
_LETTERS, _LINE = 12, 18  # pixels of the classes' names
_COLORS = ("#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#911eb4", "#46f0f0", "#f032e6")


def contact_sheet(images: DetectionImages, count: int = 36) -> Image.Image:
    """Draw images at even distances through the set, a color a class; difficult objects have thin lines.

    Colors begin again after the eighth class.

    Args:
        images: at least one.
        count: at most so many are shown.
    """
    rows = np.unique(np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)).tolist()
    columns = min(_COLUMNS, len(rows))
    lines = -(-len(rows) // columns)
    step = _SIDE + _GAP
    sheet = Image.new("RGB", (columns * step + _GAP, lines * step + _GAP), "white")
    for place, row in enumerate(rows):
        small = _thumbnail(images, row)
        left = _GAP + place % columns * step + (_SIDE - small.width) // 2
        top = _GAP + place // columns * step + (_SIDE - small.height) // 2
        sheet.paste(small, (left, top))
    legend = _legend(images.classes, sheet.width)
    whole = Image.new("RGB", (sheet.width, sheet.height + legend.height), "white")
    whole.paste(sheet, (0, 0))
    whole.paste(legend, (0, sheet.height))
    return whole


def _legend(classes: Sequence[str], width: int) -> Image.Image:
    """The names of the classes in lines, a square of its color before each."""
    lines: list[list[tuple[int, int]]] = [[]]  # where each class begins, and which it is
    left = _GAP
    for label, name in enumerate(classes):
        extent = 2 * _LETTERS + sum(font.getlength(text) for text, font in _runs(name))
        if lines[-1] and left + extent > width - _GAP:
            lines.append([])
            left = _GAP
        lines[-1].append((left, label))
        left += round(extent) + 2 * _GAP
    legend = Image.new("RGB", (width, len(lines) * _LINE + _GAP), "white")
    brush = ImageDraw.Draw(legend)
    for row, line in enumerate(lines):
        for start, label in line:
            top = row * _LINE
            brush.rectangle((start, top, start + _LETTERS, top + _LETTERS), fill=_COLORS[label % len(_COLORS)])
            place = start + 1.5 * _LETTERS
            for text, font in _runs(classes[label]):
                brush.text((place, top), text, "black", font)
                place += font.getlength(text)
    return legend


def _runs(name: str) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    return [(text, ImageFont.truetype(font, _LETTERS)) for text, font in with_fonts(name)]


def _thumbnail(images: DetectionImages, row: int) -> Image.Image:
    image = Image.fromarray(load_image(images.paths[row]))
    scale = _SIDE / max(image.size)
    size = tuple(max(round(side * scale), 1) for side in image.size)
    small = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)  # type: ignore[arg-type]
    brush = ImageDraw.Draw(small)
    objects = images.objects[row]
    for box, label, difficult in zip(objects.boxes, objects.labels, objects.difficult, strict=True):
        x1, y1, x2, y2 = (float(corner) * scale for corner in (*box[:2], *(box[2:] + 1)))
        corners = (x1, y1, max(x2 - 1, x1), max(y2 - 1, y1))
        brush.rectangle(corners, outline=_COLORS[int(label) % len(_COLORS)], width=1 if difficult else 2)
    return small
