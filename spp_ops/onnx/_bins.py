"""Where the bins of windows lie, as ONNX nodes: the twin of csrc/kernels/pyramid.h."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spp_ops.onnx._nodes import Array, Value, integers, op


@dataclass(frozen=True)
class Bins:
    """All bins of all levels; every array is [M]."""

    row: Array
    rows: Array
    column: Array
    columns: Array
    of_levels: list[tuple[int, int]]  # first bin of each level, and the one after its last


def bins_of(levels: Sequence[tuple[int, int]]) -> Bins:
    """List the bins of levels of (rows, columns)."""
    bins = [(i, rows, j, columns) for rows, columns in levels for i in range(rows) for j in range(columns)]
    ends = np.cumsum([rows * columns for rows, columns in levels]).tolist()
    row, rows, column, columns = np.array(bins, dtype=np.int64).T
    return Bins(row, rows, column, columns, list(zip([0, *ends[:-1]], ends, strict=True)))


def bin_ranges(low: Value, extent: Value, index: Array, bins: Array, limit: Value) -> tuple[Value, Value]:
    """Begins and ends [R, M], along an axis, of bins `index` of `bins`, clipped to the `limit` cells of the map."""
    begin = op.Add(low, op.Div(op.Mul(extent, integers(index)), integers(bins)))
    up = op.Add(op.Mul(extent, integers(index + 1)), integers(bins - 1))
    end = op.Add(low, op.Div(up, integers(bins)))
    begin, end = (op.Max(op.Min(each, limit), integers(0)) for each in (begin, end))
    return begin, end
