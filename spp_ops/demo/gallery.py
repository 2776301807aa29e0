"""A page of photos with what a detector found in them: right, wrong and missed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from spp_ops.datasets.detection import Objects
from spp_ops.datasets.image import Pixels
from spp_ops.detection.boxes import box_iou
from spp_ops.detection.detections import Detections
from spp_ops.engine.files import atomic_write

RIGHT, WRONG, MISSED = "#2fe08c", "#ff5a36", "#ffffff"
LEAST_SCORE = 0.5  # of what is drawn
_IOU = 0.5
_WIDTH, _HEADER, _GAP = 14.0, 0.95, 0.08  # inches
_TEXT = 9.0  # points
_LETTER, _LINE = 0.66 * _TEXT, 1.45 * _TEXT  # a bold letter's width and a label's height

_Place = tuple[float, float, float, float]  # left, top, right, bottom in pixels of a photo


@dataclass(frozen=True)
class Shown:
    """A photo, what it shows, and what was found in it."""

    pixels: Pixels
    truth: Objects
    found: Detections


def save_gallery(
    path: str | os.PathLike[str], photos: Sequence[Shown], title: str, subtitle: str, rows: int = 2
) -> None:
    """Draw photos in rows of equal width, each photo as high as its row.

    Args:
        path: the format follows its ending.
        photos: at least as many as rows.
        title: above them.
        subtitle: below the title.
        rows: how many.
    """
    parts = [[photos[index] for index in part] for part in np.array_split(np.arange(len(photos)), rows)]
    shapes = [[photo.pixels.shape[1] / photo.pixels.shape[0] for photo in part] for part in parts]
    heights = [(_WIDTH - _GAP * (len(shape) + 1)) / sum(shape) for shape in shapes]
    whole = _HEADER + sum(heights) + _GAP * rows
    figure = Figure(figsize=(_WIDTH, whole))
    _header(figure, whole, title, subtitle)
    top = whole - _HEADER
    for part, shape, height in zip(parts, shapes, heights, strict=True):
        left = _GAP
        for photo, ratio in zip(part, shape, strict=True):
            place = left / _WIDTH, (top - height) / whole, height * ratio / _WIDTH, height / whole
            _photo(figure.add_axes(place), photo, 72 * height / photo.pixels.shape[0])
            left += height * ratio + _GAP
        top -= height + _GAP
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=130)


def judge(truth: Objects, found: Detections) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which detections are right [K], and which objects are missed [G].

    A detection is right if its box overlaps an object of its class by half or more and none before it has that object.
    """
    ious = box_iou(torch.from_numpy(found.boxes), torch.from_numpy(truth.boxes)).numpy()
    ious = np.where(found.labels[:, None] == truth.labels, ious, 0.0)
    right, missed = np.zeros(len(found), np.bool_), np.ones(len(truth), np.bool_)
    for row in np.argsort(-found.scores, kind="stable") if len(truth) else ():
        best = ious[row].argmax()
        if ious[row, best] >= _IOU and missed[best]:
            right[row], missed[best] = True, False
    return right, missed


def _header(figure: Figure, whole: float, title: str, subtitle: str) -> None:
    figure.text(_GAP / _WIDTH, 1 - 0.30 / whole, title, fontsize=17, weight="bold", va="center")
    figure.text(_GAP / _WIDTH, 1 - 0.66 / whole, subtitle, fontsize=10.5, color="0.35", va="center")
    swatches = {"right": RIGHT, "wrong": WRONG, "missed": "0.45"}
    handles = [
        Line2D([], [], color=color, linewidth=3, linestyle=":" if name == "missed" else "-", label=name)
        for name, color in swatches.items()
    ]
    figure.legend(
        handles=handles, loc="upper right", ncols=3, frameon=False, fontsize=11, bbox_to_anchor=(1, 1 - 0.08 / whole)
    )


def _photo(axes: Axes, photo: Shown, points: float) -> None:
    """Draw one photo, a pixel of which is this many points wide."""
    height, width = photo.pixels.shape[:2]
    axes.imshow(photo.pixels, interpolation="lanczos", aspect="auto")
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    axes.set_axis_off()
    sure = np.flatnonzero(photo.found.scores >= LEAST_SCORE)
    found = Detections(photo.found.boxes[sure], photo.found.scores[sure], photo.found.labels[sure], photo.found.classes)
    right, missed = judge(photo.truth, found)
    frames = np.concatenate([found.boxes, photo.truth.boxes[missed]]).tolist()
    taken: list[_Place] = [(x1, y1, x2, y2) for x1, y1, x2, y2 in frames]
    for box in photo.truth.boxes[missed]:
        _frame(axes, box, MISSED, linestyle=":")
    for box, name, score, good in zip(found.boxes, found.class_names, found.scores, right, strict=True):
        color = RIGHT if good else WRONG
        _frame(axes, box, color)
        _label(axes, box, f"{name} {score:.2f}", color, points, taken)


def _frame(axes: Axes, box: npt.NDArray[np.float32], color: str, linestyle: str = "-") -> None:
    x1, y1, x2, y2 = map(float, box)
    outline = [withStroke(linewidth=4, foreground="black", alpha=0.55)]
    axes.add_patch(
        Rectangle(
            (x1 - 0.5, y1 - 0.5),
            x2 - x1 + 1,
            y2 - y1 + 1,
            fill=False,
            edgecolor=color,
            linewidth=2,
            linestyle=linestyle,
            path_effects=outline,
        )
    )


def _label(axes: Axes, box: npt.NDArray[np.float32], text: str, color: str, points: float, taken: list[_Place]) -> None:
    """Write a box's text beside it, where it hides nothing that is marked if there is such a place."""
    width, height = axes.get_xlim()[1], axes.get_ylim()[0]
    wide, high = _LETTER * (len(text) + 0.5) / points, _LINE / points
    x1, y1, x2, y2 = map(float, box)
    gap = 1.5 / points
    x1, x2 = x1 - gap, x2 + gap  # as wide as the frame's lines
    above, below = y1 - high - gap, y2 + gap
    corners = [(x1, above), (x1, below), (x2 - wide, above), (x2 - wide, below), (x2, y1), (x1 - wide, y1)]
    inside = [(x, y) for x, y in corners if 0 <= x <= width - wide and 0 <= y <= height - high]
    places = [(x, y, x + wide, y + high) for x, y in inside]
    kept = min(max(x1, 0), width - wide), min(max(y1, 0), height - high)
    places.append((*kept, kept[0] + wide, kept[1] + high))
    place = next((place for place in places if not any(_meet(place, other) for other in taken)), places[0])
    taken.append(place)
    axes.add_patch(Rectangle(place[:2], wide, high, facecolor=color, edgecolor="none"))
    center = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
    axes.text(
        *center, text, fontsize=_TEXT, weight="bold", color="black", ha="center", va="center_baseline", parse_math=False
    )


def _meet(one: _Place, other: _Place) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
