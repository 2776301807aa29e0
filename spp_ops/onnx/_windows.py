"""From rows of boxes to windows of cells, as ONNX nodes: the twin of _core/geometry.py, operation for operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from spp_ops._core.geometry import FAR
from spp_ops.onnx._nodes import BOOL, DOUBLE, FLOAT, INT32, INT64, Value, integers, number, op, slice_of
from spp_ops.projection import AxisRule, CornerRule, Fit, Projection, RoundOp


@dataclass(frozen=True)
class Windows:
    """Where rows are pooled from; every member is [R, 1]."""

    good: Value  # false for a bad row; the others then are of some window that is there
    map: Value
    image: Value
    x: Value
    y: Value
    width: Value
    height: Value

    def of_map(self, numbers: Sequence[Value]) -> Value:
        """From one number [1] a map to that of each row's map, [R, 1]; or [1], where there is one map."""
        return numbers[0] if len(numbers) == 1 else op.Gather(op.Concat(*numbers, axis=0), self.map, axis=0)


def place_boxes(
    rois: Value,
    map_index: Value | None,
    rules: Sequence[Projection],
    *,
    images: Value,
    sizes: Sequence[tuple[Value, Value]],
    target_area: float,
) -> Windows:
    """Choose map and image of every row of `rois` [R, 5] and project its box; `sizes` are the maps' (height, width)."""
    dtype = DOUBLE if rois.dtype == DOUBLE else FLOAT
    rows = op.Cast(rois, to=dtype)
    good = _good_rows(rows, images, dtype)
    if map_index is not None:
        wanted = op.Unsqueeze(map_index, integers([1]))
        there = op.And(op.GreaterOrEqual(wanted, integers(0)), op.Less(wanted, integers(len(rules))))
        good = op.And(good, there)
    rows = op.Where(good, rows, number(0, dtype))
    image, x1, y1, x2, y2 = (slice_of(rows, axis=1, begin=column, end=column + 1) for column in range(5))
    if map_index is not None:
        chosen = op.Where(good, wanted, integers(0))
    else:
        chosen = _nearest_map(x1, y1, x2, y2, rules=rules, target_area=target_area)
    by_map = []
    for rule, (height, width) in zip(rules, sizes, strict=True):
        across = _extent(*_project(x1, x2, rule.x, dtype), rule.fit, width)
        by_map.append((*across, *_extent(*_project(y1, y2, rule.y, dtype), rule.fit, height)))
    x, width, y, height = (
        each[0] if len(rules) == 1 else op.GatherElements(op.Concat(*each, axis=1), chosen, axis=1)
        for each in zip(*by_map, strict=True)
    )
    return Windows(good, chosen, op.Cast(image, to=INT64), x, y, width, height)


def _good_rows(rows: Value, images: Value, dtype: ir.DataType) -> Value:
    """[R, 1]: whether a row's numbers are finite and the first names an image."""
    finite = op.LessOrEqual(op.Abs(rows), number(np.finfo(dtype.numpy()).max, dtype))
    all_finite = op.Cast(op.ReduceMin(op.Cast(finite, to=INT32), integers([1])), to=BOOL)
    image = slice_of(rows, axis=1, begin=0, end=1)
    there = op.And(op.GreaterOrEqual(image, number(0, dtype)), op.Less(image, op.Cast(images, to=dtype)))
    return op.And(all_finite, op.And(there, op.Equal(image, op.Floor(image))))


def _nearest_map(
    x1: Value, y1: Value, x2: Value, y2: Value, *, rules: Sequence[Projection], target_area: float
) -> Value:
    """Index of the map at whose image scale a box has the area nearest to `target_area`; the first of equals."""
    if len(rules) == 1:
        return integers([[0]])
    x1, y1, x2, y2 = (op.Cast(each, to=DOUBLE) for each in (x1, y1, x2, y2))
    width = op.Max(op.Add(op.Sub(x2, x1), number(1, DOUBLE)), number(0, DOUBLE))
    height = op.Max(op.Add(op.Sub(y2, y1), number(1, DOUBLE)), number(0, DOUBLE))
    distances = []
    for rule in rules:
        across, down = number(rule.x.image_scale, DOUBLE), number(rule.y.image_scale, DOUBLE)
        area = op.Mul(op.Mul(width, across), op.Mul(height, down))
        distances.append(op.Abs(op.Sub(area, number(target_area, DOUBLE))))
    return op.ArgMin(op.Concat(*distances, axis=1), axis=1, keepdims=1)


def _project(low: Value, high: Value, axis: AxisRule, dtype: ir.DataType) -> tuple[Value, Value]:
    return _project_corner(low, axis, axis.low, dtype), _project_corner(high, axis, axis.high, dtype)


def _project_corner(position: Value, axis: AxisRule, corner: CornerRule, dtype: ir.DataType) -> Value:
    cells = position
    if axis.image_scale != 1:
        cells = op.Mul(cells, number(axis.image_scale, dtype))
    if corner.offset != 0:
        cells = op.Add(cells, number(corner.offset, dtype))
    if axis.stride != 1:
        cells = op.Div(cells, number(axis.stride, dtype))
    rounded = _round(cells, corner.round_op, dtype)
    whole = op.Cast(op.Clip(rounded, number(-FAR, dtype), number(FAR, dtype)), to=INT64)
    return whole if corner.shift == 0 else op.Add(whole, integers(corner.shift))


def _round(cells: Value, round_op: RoundOp, dtype: ir.DataType) -> Value:
    if round_op == RoundOp.FLOOR:
        return op.Floor(cells)
    if round_op == RoundOp.CEIL:
        return op.Ceil(cells)
    size = op.Abs(cells)  # ONNX's own Round takes halves to the even side
    whole = op.Floor(size)
    up = op.Cast(op.GreaterOrEqual(op.Sub(size, whole), number(0.5, dtype)), to=dtype)
    return op.Mul(op.Sign(cells), op.Add(whole, up))


def _extent(low: Value, high: Value, fit: Fit, limit: Value) -> tuple[Value, Value]:
    """First cell and number of cells of windows along an axis of `limit` cells."""
    if fit != Fit.CLAMP_TO_MAP:
        least = 1 if fit == Fit.ONE_CELL else 0
        return low, op.Max(op.Sub(high, low), integers(least))
    last = op.Sub(high, integers(1))
    total = op.Add(low, last)
    middle = op.Div(op.Sub(total, op.Mod(total, integers(2))), integers(2))  # Div alone rounds toward zero
    reversed_ = op.Less(last, low)
    low, last = (op.Where(reversed_, middle, each) for each in (low, last))
    low, last = (op.Max(op.Min(each, op.Sub(limit, integers(1))), integers(0)) for each in (low, last))
    return low, op.Add(op.Sub(last, low), integers(1))
