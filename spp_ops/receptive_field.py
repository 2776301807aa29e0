"""Receptive fields: which image pixels a cell of a feature map sees, worked out from the layers.

Along each axis a cell of the image itself sees one pixel: size r = 1, stride j = 1, first center c = 0 (0-based). A
layer of kernel k, stride s and padding p turns these into

    r + (k - 1) * j,    j * s,    c + ((k - 1) / 2 - p) * j

and where branches meet (a residual sum, a concatenation) a cell sees the union of what it sees through each of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from torch import fx, nn

Number = TypeVar("Number", int, float)
Pair: TypeAlias = Number | tuple[Number, Number]  # one number for both axes, or (x, y)


@dataclass(frozen=True, init=False, repr=False)
class ReceptiveField:
    """What the cells of a feature map see of the image, in 0-based pixels; each attribute is a pair (x, y).

    Attributes:
        size: extent of what one cell sees.
        stride: pixels from one cell's center to the next one's.
        center: center of what the first cell sees; cell i is centerd on ``center + i * stride``.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    center: tuple[float, float]

    def __init__(self, size: Pair[int], stride: Pair[int], center: Pair[float]) -> None:
        """A single number stands for both axes: ``ReceptiveField(size=139, stride=16, center=20)``."""
        object.__setattr__(self, "size", _pair(size))
        object.__setattr__(self, "stride", _pair(stride))
        object.__setattr__(self, "center", _pair(center))

    def __repr__(self) -> str:
        texts = (f"{x:g}" if x == y else f"({x:g}, {y:g})" for x, y in (self.size, self.stride, self.center))
        return "ReceptiveField(size={}, stride={}, center={})".format(*texts)


class Step(NamedTuple):
    """What one layer does to the geometry: kernel, stride and low-side padding, each one number or (x, y).

    A layer that `receptive_field` does not know takes part by having an attribute ``receptive_field_step`` that holds
    its Step. The kernel is the whole extent, dilation included. ``Step()`` says that a cell sees its own place alone.
    """

    kernel: Pair[int] = 1
    stride: Pair[int] = 1
    padding: Pair[int] = 0


def receptive_field(module: nn.Module) -> ReceptiveField:
    """Size, stride and first center of the receptive fields of a stack of layers (paper, appendix A).

    Understands convolution, pooling, padding, activation, normalization and dropout layers, alone, in (nested)
    ``nn.Sequential`` and in any module that ``torch.fx`` can trace: residual sums and concatenations are the union of
    their branches. Any other layer takes part by declaring a `Step`.

    Normalization counts as pointwise, also where its statistics reach further (GroupNorm, LocalResponseNorm): it
    scales what a cell sees and does not move it. Reflected and replicated padding count as plain padding.

    Raises:
        TypeError: `module` is not an ``nn.Module``.
        ValueError: a layer has no fixed geometry (flattening, linear, adaptive, upsampling, ...) or cannot be traced;
            the message names it.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module: expected an nn.Module, got {type(module).__name__}")
    x, y = _walk(nn.Sequential(module))  # a module in a Sequential is treated alike, be it a layer or a stack
    return ReceptiveField((x.size, y.size), (x.stride, y.stride), (x.center, y.center))


class _Axis(NamedTuple):
    size: int = 1
    stride: int = 1
    center: float = 0.0

    def after(self, kernel: int, stride: int, padding: int) -> _Axis:
        return _Axis(
            self.size + (kernel - 1) * self.stride,
            self.stride * stride,
            self.center + ((kernel - 1) / 2 - padding) * self.stride,
        )

    def union(self, other: _Axis) -> _Axis:
        low = min(axis.center - (axis.size - 1) / 2 for axis in (self, other))
        high = max(axis.center + (axis.size - 1) / 2 for axis in (self, other))
        return _Axis(math.floor(high - low) + 1, self.stride, (low + high) / 2)


class _Cells(NamedTuple):
    """The geometry of one feature map."""

    x: _Axis = _Axis()
    y: _Axis = _Axis()


_IMAGE = _Cells()

_POINTWISE_LAYERS = (
    *(nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.Softmax2d),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.Hardsigmoid, nn.LogSigmoid, nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Softplus, nn.Softsign),
    *(nn.Threshold, nn.Softshrink, nn.Hardshrink, nn.Tanhshrink),
    *(nn.BatchNorm2d, nn.SyncBatchNorm, nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm),
    *(nn.LocalResponseNorm, nn.CrossMapLRN2d),
)
_SLIDING_LAYERS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d)
_PADDINGS = (nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d)

# Functions and methods, by name, that treat every place alike.
_POINTWISE_FUNCTIONS = (
    "add add_ iadd sub isub mul mul_ imul truediv neg cat concat clone contiguous dropout stochastic_depth "
    "relu relu_ relu6 leaky_relu elu gelu silu mish sigmoid hardsigmoid tanh hardtanh hardswish softplus clamp"
)


def _step(layer: nn.Module) -> Step | None:
    """What a layer does to the geometry; None where it has none that is known."""
    declared = getattr(layer, "receptive_field_step", None)
    if declared is not None:
        return Step(*declared)
    if isinstance(layer, _POINTWISE_LAYERS):
        return Step()
    if isinstance(layer, _SLIDING_LAYERS):
        return _sliding_step(layer)
    if isinstance(layer, _PADDINGS):
        left, _, top, _ = layer.padding
        return Step(padding=(left, top))
    return None


def _sliding_step(layer: Any) -> Step:
    """The step of a convolution or pooling."""
    dilation = _xy(getattr(layer, "dilation", 1))
    extent_x, extent_y = (d * (k - 1) + 1 for d, k in zip(dilation, _xy(layer.kernel_size), strict=True))
    padding = getattr(layer, "padding", 0)
    if padding == "same":
        padding = (extent_y - 1) // 2, (extent_x - 1) // 2
    elif padding == "valid":
        padding = 0
    return Step((extent_x, extent_y), _xy(layer.stride or layer.kernel_size), _xy(padding))


def _is_layer(module: nn.Module) -> bool:
    """Whether `module` is taken as a whole: known, declared, or a layer of torch's own that has no geometry."""
    return _step(module) is not None or fx.Tracer().is_leaf_module(module, "")


def _after(cells: _Cells, layer: nn.Module, path: str) -> _Cells:
    step = _step(layer)
    if step is None:
        raise ValueError(
            f"{path}: {type(layer).__name__} has no receptive field that is known; "
            "a layer can declare one as its attribute `receptive_field_step`"
        )
    kernel, stride, padding = map(_pair, step)
    return _Cells(*(cells[axis].after(kernel[axis], stride[axis], padding[axis]) for axis in (0, 1)))


class _UntraceableError(ValueError):
    pass


class _Tracer(fx.Tracer):
    """Records which layers a module calls on what, down to the layers that `_step` knows."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_layer(m)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except _UntraceableError:
            raise
        except Exception as error:  # whatever the forward of a stranger's module raises on a traced value
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise _UntraceableError(
                f"{_path(self.path_of_module(m))}: cannot trace {type(m).__name__} ({reason}); "
                "a module can declare its receptive field as its attribute `receptive_field_step`"
            ) from error


def _walk(stack: nn.Sequential) -> _Cells:
    """The geometry of what the only member of `stack` returns, found by walking through the traced graph."""
    graph = _Tracer().trace(stack)
    known: dict[fx.Node, _Cells | None] = {}  # None: a value that is no feature map, a parameter for one
    for node in graph.nodes:
        maps = [cells for cells in map(known.get, node.all_input_nodes) if cells is not None]
        if node.op == "placeholder":
            known[node] = _IMAGE
        elif node.op == "output":
            return _union(maps, "module")
        elif node.op == "call_module":
            path = _path(node.target)
            known[node] = _after(_union(maps, path), stack.get_submodule(node.target), path)
        elif not maps:
            known[node] = None
        else:
            name = node.target if isinstance(node.target, str) else node.target.__name__
            path = _path(next(reversed(node.meta.get("nn_module_stack", {})), "0"))
            if name not in _POINTWISE_FUNCTIONS.split():
                raise ValueError(f"{path}: {name}() has no receptive field that is known")
            known[node] = _union(maps, path)
    raise AssertionError("a traced graph ends with its output")


def _union(maps: Sequence[_Cells], path: str) -> _Cells:
    if not maps:
        raise ValueError(f"{path}: expected a feature map computed from the input")
    union = maps[0]
    for other in maps[1:]:
        if (union.x.stride, union.y.stride) != (other.x.stride, other.y.stride):
            raise ValueError(
                f"{path}: maps of different strides meet: "
                f"{(union.x.stride, union.y.stride)} and {(other.x.stride, other.y.stride)}"
            )
        union = _Cells(union.x.union(other.x), union.y.union(other.y))
    return union


def _path(target: str) -> str:
    """A layer's path from the user's module, which is member 0 of the traced stack."""
    return target.removeprefix("0").removeprefix(".") or "module"


def _pair(value: Pair[Number]) -> tuple[Number, Number]:
    return value if isinstance(value, tuple) else (value, value)


def _xy(rows_and_columns: Any) -> tuple[int, int]:
    """(x, y) of PyTorch's (height, width)."""
    if isinstance(rows_and_columns, int):
        return rows_and_columns, rows_and_columns
    height, width = rows_and_columns
    return width, height
