"""Short forms of the nodes used most."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir
from onnxscript import opset18

op: Any = opset18  # its type hints know only tensors of values, not those that stand for them in a graph
Value: TypeAlias = Any  # onnx_ir.Value
Array: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

FLOAT, DOUBLE = ir.DataType.FLOAT, ir.DataType.DOUBLE
INT32, INT64, BOOL = ir.DataType.INT32, ir.DataType.INT64, ir.DataType.BOOL


def integers(values: Any) -> Value:
    return op.Constant(value=ir.tensor(np.array(values, dtype=np.int64)))


def number(value: float, dtype: ir.DataType) -> Value:
    return op.Constant(value=ir.tensor(np.array(value, dtype=dtype.numpy())))


def number_like(value: float, tensor: Value) -> Value:
    return op.CastLike(number(value, FLOAT), tensor)


def slice_of(tensor: Value, axis: int, begin: int, end: int) -> Value:
    return op.Slice(tensor, [begin], [end], [axis])


def size_of(tensor: Value, axis: int) -> Value:
    """[1]."""
    return op.Shape(tensor, start=axis, end=axis + 1)
