"""The numbers of a receptive field, and how a layer changes them along one axis of the image.

A cell of the image itself sees one pixel: size r = 1, stride j = 1, first center c = 0 (0-based). A layer of kernel k,
stride s and padding p turns these into

    r + (k - 1) * j,    j * s,    c + ((k - 1) / 2 - p) * j

and where branches meet (a residual sum, a concatenation) a cell sees the union of what it sees through each of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

Number = TypeVar("Number", int, float)
Pair: TypeAlias = Number | tuple[Number, Number]  # one number for both axes, or (x, y)


@dataclass(frozen=True, init=False, repr=False)
class ReceptiveField:
    """What the cells of a feature map see of the image, in 0-based pixels; each attribute is a pair (x, y).

    Attributes:
        size: extent of what one cell sees.
        stride: pixels from one cell's center to the next one's.
        center: center of what the first cell sees; cell i is centered on ``center + i * stride``.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    center: tuple[float, float]

    def __init__(self, size: Pair[int], stride: Pair[int], center: Pair[float]) -> None:
        """A single number stands for both axes: ``ReceptiveField(size=139, stride=16, center=20)``."""
        object.__setattr__(self, "size", pair(size))
        object.__setattr__(self, "stride", pair(stride))
        object.__setattr__(self, "center", pair(center))

    def __repr__(self) -> str:
        texts = (f"{x:g}" if x == y else f"({x:g}, {y:g})" for x, y in (self.size, self.stride, self.center))
        return "ReceptiveField(size={}, stride={}, center={})".format(*texts)


class Step(NamedTuple):
    """What one layer does to the geometry: kernel, stride and low-side padding, each one number or (x, y).

    A layer that `receptive_field` does not know takes part by having an attribute ``receptive_field_step`` that holds
    its Step; a stack that is not followed, by one that holds its `ReceptiveField`. The kernel is the whole extent,
    dilation included. ``Step()`` says that a cell sees its own place alone.
    """

    kernel: Pair[int] = 1
    stride: Pair[int] = 1
    padding: Pair[float] = 0


def step_of(declared: Step | ReceptiveField | tuple[Any, ...]) -> Step:
    """What a layer declares, as a step. Seen from its own input, a whole stack is one layer."""
    if not isinstance(declared, ReceptiveField):
        return Step(*declared)
    x, y = ((size - 1) / 2 - center for size, center in zip(declared.size, declared.center, strict=True))
    return Step(declared.size, declared.stride, (x, y))


class NoFieldError(ValueError):
    """A layer's part in the receptive field is not known; the message says why."""


class Axis(NamedTuple):
    """What the cells along one dimension of a tensor see of one axis of the image."""

    name: str  # "x" or "y"
    size: int = 1
    stride: int = 1
    center: float = 0.0

    def after(self, kernel: int, stride: int, padding: float) -> Axis:
        """The same past a layer that slides a window along the axis."""
        return Axis(
            self.name,
            self.size + (kernel - 1) * self.stride,
            self.stride * stride,
            self.center + ((kernel - 1) / 2 - padding) * self.stride,
        )

    def enlarged(self, factor: int, reach: int) -> Axis:
        """The same past an upsampling by `factor` that reads the nearest cell (reach 0), or 1 or 2 on either side.

        Cells of different phase look at different offsets from their own place; the field covers them all.
        """
        if self.stride % factor:
            raise NoFieldError(f"upsamples a stride of {self.stride} pixels {factor} times")
        stride = self.stride // factor
        positions = [(phase + 0.5) / factor - 0.5 for phase in range(factor)]
        first = [math.floor(position) - reach + 1 if reach else 0 for position in positions]
        last = [math.ceil(position) + reach - 1 if reach else 0 for position in positions]
        low = min(cell * self.stride - phase * stride for phase, cell in enumerate(first))
        high = max(cell * self.stride - phase * stride for phase, cell in enumerate(last))
        return Axis(self.name, self.size + high - low, stride, self.center + (low + high) / 2)

    def union(self, other: Axis) -> Axis:
        """What cells see that are computed from both."""
        if self.name != other.name:
            raise NoFieldError("mixes the axes of the image")
        if self.stride != other.stride:
            raise NoFieldError(f"maps of different strides meet: {self.stride} and {other.stride}")
        low = min(axis.center - (axis.size - 1) / 2 for axis in (self, other))
        high = max(axis.center + (axis.size - 1) / 2 for axis in (self, other))
        return Axis(self.name, math.floor(high - low) + 1, self.stride, (low + high) / 2)


def pair(value: Pair[Number]) -> tuple[Number, Number]:
    """(x, y) of one number for both axes or of a pair."""
    return value if isinstance(value, tuple) else (value, value)
