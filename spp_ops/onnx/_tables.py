"""Maxima of any ranges of cells, by four look-ups in tables of maxima, as ONNX nodes (compare _vectorized.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spp_ops.onnx._bins import Bins, bin_ranges
from spp_ops.onnx._nodes import DOUBLE, FLOAT, INT64, Value, integers, number_like, op, size_of, slice_of
from spp_ops.onnx._windows import Windows

MOST_TABLES = 31  # along an axis: a map has fewer than 2**31 cells
END = np.iinfo(np.int64).max


@dataclass(frozen=True)
class MapTables:
    """Maxima of 2**a x 2**b cells of one map, side by side: [N, rows of all a, columns of all b, C].

    Rows of a are those from which 2**a cells down are on the map: `height` - 2**a + 1 of them. Columns likewise.
    """

    values: Value
    height: Value  # of the map, [1]
    width: Value


def tables_of(features: Value) -> MapTables:
    """Write the tables of features [N, C, H, W]."""
    height, width = (side if isinstance(side, int) else None for side in features.shape[2:])
    if features.dtype not in (FLOAT, DOUBLE):  # not every runtime takes maxima of 16-bit numbers
        features = op.Cast(features, to=FLOAT)
    cells = op.Transpose(features, perm=[0, 2, 3, 1])
    values = _side_by_side(_side_by_side(cells, 1, height), 2, width)
    return MapTables(values, size_of(cells, 1), size_of(cells, 2))


def _side_by_side(cells: Value, axis: int, extent: int | None) -> Value:
    """Maxima of 1, 2, 4, ... cells along `axis`; where `extent` is not known, of more than there are: empty tables."""
    tables = [cells]
    count = MOST_TABLES if extent is None else extent.bit_length()
    while len(tables) < count:
        step = 2 ** (len(tables) - 1)
        tables.append(op.Max(slice_of(tables[-1], axis, 0, -step), slice_of(tables[-1], axis, step, END)))
    return op.Concat(*tables, axis=axis)


def pool_bins(tables: Sequence[MapTables], windows: Windows, bins: Bins) -> Value:
    """[R, M, C]: the maximum of each bin; 0 where it holds no cell, NaN in a bad row."""
    height = windows.of_map([table.height for table in tables])
    width = windows.of_map([table.width for table in tables])
    top, bottom = bin_ranges(windows.y, windows.height, bins.row, bins.rows, height)
    left, right = bin_ranges(windows.x, windows.width, bins.column, bins.columns, width)
    together, cells = _flatten(tables, windows)
    maxima = [
        op.Gather(together, cells(row, column), axis=0)
        for row in _halves(top, bottom, height)
        for column in _halves(left, right, width)
    ]
    no_cell = op.Or(op.LessOrEqual(bottom, top), op.LessOrEqual(right, left))
    pooled = op.Where(op.Unsqueeze(no_cell, integers([2])), number_like(0, together), op.Max(*maxima))
    return op.Where(op.Unsqueeze(windows.good, integers([2])), pooled, number_like(float("nan"), together))


def _flatten(tables: Sequence[MapTables], windows: Windows) -> tuple[Value, Callable[[Value, Value], Value]]:
    """All tables as [cells, C], and the function from row and column [R, M] to the number of a cell therein."""
    flat = [op.Flatten(table.values, axis=3) for table in tables]
    before = [integers([0])]
    for each in flat[:-1]:
        before.append(op.Add(before[-1], size_of(each, 0)))
    first_cell = windows.of_map(before)
    first_row = op.Mul(windows.image, windows.of_map([size_of(table.values, 1) for table in tables]))
    row_length = windows.of_map([size_of(table.values, 2) for table in tables])

    def cells(row: Value, column: Value) -> Value:
        return op.Add(op.Add(op.Mul(op.Add(first_row, row), row_length), column), first_cell)

    return op.Concat(*flat, axis=0), cells


def _halves(begin: Value, end: Value, limit: Value) -> tuple[Value, Value]:
    """Where the tables have two ranges of 2**a cells that together cover [begin, end), or any cell if that is empty."""
    empty = op.LessOrEqual(end, begin)
    begin, end = op.Where(empty, integers(0), begin), op.Where(empty, integers(1), end)
    powers = 2 ** np.arange(MOST_TABLES)
    reached = op.GreaterOrEqual(op.Unsqueeze(op.Sub(end, begin), integers([2])), integers(powers[1:]))
    exponent = op.ReduceSum(op.Cast(reached, to=INT64), integers([2]), keepdims=0)
    cells = op.Gather(integers(powers), exponent, axis=0)
    # Tables 0 to a - 1 hold (limit - 2**0 + 1) + ... + (limit - 2**(a - 1) + 1) maxima.
    before = op.Sub(op.Mul(exponent, op.Add(limit, integers(1))), op.Sub(cells, integers(1)))
    return op.Add(before, begin), op.Add(before, op.Sub(end, cells))
