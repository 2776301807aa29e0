"""The rules of pooling stated with loops over NumPy arrays and Python integers: what the CUDA kernels are held against.

Written for being obvious; shares no code with the kernels, their headers or the reference in plain PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
FLOOR, CEIL, NEAREST = 0, 1, 2
AS_IS, ONE_CELL, CLAMP_TO_MAP = 0, 1, 2
FAR = 1 << 30
BAD_ROW = -1


@dataclass
class Corner:
    """One corner along one axis: round_op((position * image_scale + offset) / stride) + shift."""

    offset: float = 0.0
    round_op: int = NEAREST
    shift: int = 0


@dataclass
class Axis:
    """Both corners along one axis."""

    image_scale: float = 1.0
    stride: float = 1.0
    low: Corner = field(default_factory=Corner)
    high: Corner = field(default_factory=lambda: Corner(shift=1))

    def numbers(self) -> list[float]:
        corners = (self.low, self.high)
        return [
            self.image_scale,
            self.stride,
            *(n for c in corners for n in (c.offset, float(c.round_op), float(c.shift))),
        ]


@dataclass
class Rule:
    """A whole projection, and what becomes of a window that it gives."""

    x: Axis
    y: Axis
    fit: int = ONE_CELL

    def numbers(self) -> list[float]:
        return [*self.x.numbers(), *self.y.numbers(), float(self.fit)]


def project(position: np.floating, axis: Axis, corner: Corner) -> int:
    real = type(position)  # every step rounds to the precision of the boxes
    with np.errstate(over="ignore"):
        cells = (position * real(axis.image_scale) + real(corner.offset)) / real(axis.stride)
    if abs(cells) >= FAR:
        return int(math.copysign(FAR, cells)) + corner.shift
    exact = Fraction(float(cells))
    if corner.round_op == FLOOR:
        cell = math.floor(exact)
    elif corner.round_op == CEIL:
        cell = math.ceil(exact)
    else:
        cell = math.floor(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    return cell + corner.shift


def extent(low: int, high: int, fit: int, limit: int) -> tuple[int, int]:
    """First cell and number of cells of a window along one axis."""
    if fit == AS_IS:
        return low, max(high - low, 0)
    if fit == ONE_CELL:
        return low, max(high - low, 1)
    last = high - 1
    if last < low:
        low = last = (low + last) // 2
    low, last = min(max(low, 0), limit - 1), min(max(last, 0), limit - 1)
    return low, last - low + 1


def bin_cells(low: int, size: int, bins: int, index: int, limit: int) -> range:
    begin = low + index * size // bins
    end = low + -(-(index + 1) * size // bins)
    return range(max(begin, 0), min(end, limit))


def place(
    row: Array, rules: Sequence[Rule], images: int, wanted: int | None, target_area: float
) -> tuple[int, int] | None:
    """Map and image that serve a row; None for a bad one."""
    if not np.isfinite(row).all() or row[0] != int(row[0]) or not 0 <= row[0] < images:
        return None
    if wanted is not None:
        return (wanted, int(row[0])) if 0 <= wanted < len(rules) else None
    width, height = (max(float(row[i + 2]) - float(row[i]) + 1.0, 0.0) for i in (1, 2))
    distances = [abs(width * rule.x.image_scale * (height * rule.y.image_scale) - target_area) for rule in rules]
    return distances.index(min(distances)), int(row[0])


def windows(
    maps: Sequence[Array],
    rules: Sequence[Rule],
    boxes: Array,
    map_index: Array | None,
    target_area: float,
) -> list[tuple[int, int, int, int, int, int] | None]:
    """For each row: map, image, then x, y, width and height of the window."""
    found: list[tuple[int, int, int, int, int, int] | None] = []
    for r, row in enumerate(boxes):
        wanted = None if map_index is None else int(map_index[r])
        served = place(row, rules, maps[0].shape[0], wanted, target_area)
        if served is None:
            found.append(None)
            continue
        rule, (height, width) = rules[served[0]], maps[served[0]].shape[2:]
        x, columns = extent(project(row[1], rule.x, rule.x.low), project(row[3], rule.x, rule.x.high), rule.fit, width)
        y, rows = extent(project(row[2], rule.y, rule.y.low), project(row[4], rule.y, rule.y.high), rule.fit, height)
        found.append((*served, x, y, columns, rows))
    return found


def forward(
    maps: Sequence[Array],
    rules: Sequence[Rule],
    boxes: Array,
    map_index: Array | None,
    target_area: float,
    levels: Sequence[tuple[int, int]],
) -> tuple[Array, Array, Array]:
    """Values, winning cells (-1: empty bin or bad row) and sources, map * images + image."""
    images, channels = maps[0].shape[:2]
    bins = sum(rows * columns for rows, columns in levels)
    values = np.full((len(boxes), channels * bins), np.nan)
    cells = np.full(values.shape, -1, np.int64)
    sources = np.full(len(boxes), BAD_ROW, np.int64)
    for r, window in enumerate(windows(maps, rules, boxes, map_index, target_area)):
        if window is None:
            continue
        m, image, x, y, width, height = window
        sources[r] = m * images + image
        limits = maps[m].shape[2:]
        column = 0
        for rows, columns in levels:
            for c in range(channels):
                for i in range(rows):
                    for j in range(columns):
                        ys = bin_cells(y, height, rows, i, limits[0])
                        xs = bin_cells(x, width, columns, j, limits[1])
                        values[r, column], cells[r, column] = maximum(maps[m][image, c], ys, xs)
                        column += 1
    return values, cells, sources


def maximum(plane: Array, ys: range, xs: range) -> tuple[float, int]:
    """The first maximum in row-major order; NaN above all; 0 and -1 where there is no cell."""
    best, cell = 0.0, -1
    for y in ys:
        for x in xs:
            value = float(plane[y, x])
            if math.isnan(value):
                return value, y * plane.shape[1] + x
            if cell < 0 or value > best:
                best, cell = value, y * plane.shape[1] + x
    return best, cell


def column_owner(levels: Sequence[tuple[int, int]], channels: int) -> Array:
    """The channel of each column of the output."""
    return np.concatenate([np.repeat(np.arange(channels), rows * columns) for rows, columns in levels])


def backward(
    gradients: Array,
    cells: Array,
    sources: Array,
    levels: Sequence[tuple[int, int]],
    shapes: Sequence[tuple[int, int]],
    images: int,
    channels: int,
) -> list[Array]:
    """Gradient of each map, summed in float64."""
    sums = [np.zeros((images, channels, height * width)) for height, width in shapes]
    owner = column_owner(levels, channels)
    for r, source in enumerate(sources):
        if source == BAD_ROW:
            continue
        used = cells[r] >= 0
        with np.errstate(invalid="ignore"):
            np.add.at(sums[source // images][source % images], (owner[used], cells[r][used]), gradients[r][used])
    return [s.reshape(images, channels, *shape) for s, shape in zip(sums, shapes, strict=True)]


def gather(
    maps: Sequence[Array],
    cells: Array,
    sources: Array,
    levels: Sequence[tuple[int, int]],
) -> Array:
    """What the cells hold, 0 where there is none."""
    images, channels = maps[0].shape[:2]
    values = np.zeros(cells.shape)
    owner = column_owner(levels, channels)
    for r, source in enumerate(sources):
        if source == BAD_ROW:
            continue
        plane = maps[source // images][source % images].reshape(channels, -1)
        used = cells[r] >= 0
        values[r, used] = plane[owner[used], cells[r][used]]
    return values
