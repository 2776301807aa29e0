"""Operations of graphs that PyTorch's exporter to ONNX lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import spp_ops


def translation_table() -> dict[Callable[..., Any], Callable[..., Any]]:
    """The operator's nodes, and those of stable sorting; raises as `spp_ops.onnx.translation_table`."""
    table = spp_ops.onnx.translation_table()
    return {**table, torch.ops.aten.sort.stable: _stable_sort}


def _stable_sort(self: Any, stable: bool | None, dim: int = -1, descending: bool = False) -> tuple[Any, Any]:
    """ONNX's `TopK` of all: of equal values the earlier comes first."""
    from onnxscript import opset18 as op

    count = op.Shape(self, start=dim, end=None if dim == -1 else dim + 1)
    values, indices = op.TopK(self, count, axis=dim, largest=int(descending), sorted=1)
    return values, indices
