"""Projections: the rules that turn a box in image pixels into a window of feature-map cells.

Every rule has one form (csrc/kernels/window.h holds the arithmetic): along each axis a corner ``x`` becomes

    round_op((x * image_scale + offset) / stride) + shift

where ``x`` is a 0-based pixel of the unscaled image. The low corner gives the window's first cell and the high corner
the cell after its last; `Fit` says what becomes of windows that are empty or leave the map. The named constructors of
`Projection` are the rules in use; docs/conventions.md derives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from numbers import Real
from typing import Any, TypeAlias, TypeVar

from spp_ops._core import checks
from spp_ops._core.checks import shown
from spp_ops._core.limits import LIMITS
from spp_ops.receptive_field import ReceptiveField

__all__ = ["AxisRule", "CornerRule", "Fit", "Projection", "RoundOp"]

Number = TypeVar("Number")
Pair: TypeAlias = Number | tuple[Number, Number]  # one number for both axes, or (x, y)


class RoundOp(IntEnum):
    """From a position in cells to a whole cell. ``NEAREST`` rounds halves away from zero, as C's ``round`` does."""

    FLOOR = 0
    CEIL = 1
    NEAREST = 2


class Fit(IntEnum):
    """What becomes of a projected window.

    ``AS_IS``: kept, also where it is empty or leaves the map. ``ONE_CELL``: the same, but an extent is at least one
    cell. ``CLAMP_TO_MAP``: a reversed window becomes its middle cell, then its corners are clamped to the map.
    """

    AS_IS = 0
    ONE_CELL = 1
    CLAMP_TO_MAP = 2


@dataclass(frozen=True)
class CornerRule:
    """One corner's part of a rule."""

    offset: float
    round_op: RoundOp
    shift: int


@dataclass(frozen=True)
class AxisRule:
    """A rule along one axis."""

    image_scale: float
    stride: float
    low: CornerRule
    high: CornerRule

    def numbers(self) -> list[float]:
        """Encode the rule in 8 numbers."""
        corners = [float(n) for c in (self.low, self.high) for n in (c.offset, c.round_op, c.shift)]
        return [self.image_scale, self.stride, *corners]

    @staticmethod
    def from_numbers(numbers: Sequence[float]) -> AxisRule:
        """Decode what `numbers` gives."""
        low, high = (CornerRule(n[0], RoundOp(int(n[1])), int(n[2])) for n in (numbers[2:5], numbers[5:8]))
        return AxisRule(numbers[0], numbers[1], low, high)


@dataclass(frozen=True, repr=False)
class Projection:
    """A rule from boxes in image pixels to windows of cells. Use one of the named constructors."""

    x: AxisRule
    y: AxisRule
    fit: Fit
    name: str = field(default="custom", compare=False)
    arguments: tuple[tuple[str, object], ...] = field(default=(), compare=False)  # of the constructor `name`

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={_text(value)}" if name else _text(value) for name, value in self.arguments)
        return f"Projection.{self.name}({arguments})"

    def numbers(self) -> list[float]:
        """Encode the rule for the kernels in 17 numbers, in the order of ``projection_from_numbers`` (window.h)."""
        return [*self.x.numbers(), *self.y.numbers(), float(self.fit)]

    @cached_property
    def kept_numbers(self) -> list[float]:
        """What `numbers` gives, made once; not to be changed."""
        return self.numbers()

    @staticmethod
    def from_numbers(numbers: Sequence[float]) -> Projection:
        """Decode what `numbers` gives; only how it was made is lost."""
        return Projection(
            AxisRule.from_numbers(numbers[:8]), AxisRule.from_numbers(numbers[8:16]), Fit(int(numbers[16]))
        )

    @staticmethod
    def rounded(spatial_scale: Pair[float]) -> Projection:
        """The rule of Caffe, Fast R-CNN and ``torchvision.ops.roi_pool``.

        Cells ``round(x1 * scale)`` to ``round(x2 * scale)``, both included, halves rounded away from zero. Bins are
        laid over the unclipped window, whose extents are at least one cell, and then clipped to the map; a bin outside
        the map gives 0.

        Args:
            spatial_scale: cells per image pixel, 1 / stride; one number or (x, y).
        """
        scales = _pair("spatial_scale", spatial_scale, positive=True)
        x, y = [
            AxisRule(scale, 1.0, CornerRule(0.0, RoundOp.NEAREST, 0), CornerRule(0.0, RoundOp.NEAREST, 1))
            for scale in scales
        ]
        return Projection(x, y, Fit.ONE_CELL, "rounded", (("", scales),))

    @staticmethod
    def cells() -> Projection:
        """Boxes already are half-open windows of cells: ``x1 <= x < x2``; numbers between cells go to the nearest.

        A window may be empty or leave the map: bins are laid first and clipped then, and an empty bin gives 0.
        """
        corner = CornerRule(0.0, RoundOp.NEAREST, 0)
        axis = AxisRule(1.0, 1.0, corner, corner)
        return Projection(axis, axis, Fit.AS_IS, "cells")

    @staticmethod
    def receptive_field(
        receptive_field: ReceptiveField, image_scale: Pair[float] = 1.0, inset: float = 6.5
    ) -> Projection:
        """The rule of the SPP-net authors' code: cells whose receptive fields are centered nearest the box's corners.

        The box is first shrunk by `inset` pixels on each side. Windows are clamped to the map and never empty: a
        reversed one becomes its middle cell.

        Args:
            receptive_field: stride and center of the layers below the map, from `spp_ops.receptive_field`.
            image_scale: size of the network's input over the size of the image the boxes are in; one number or (x, y).
            inset: pixels of the network's input.
        """
        if not isinstance(receptive_field, ReceptiveField):
            raise TypeError(f"receptive_field: expected a ReceptiveField, got {type(receptive_field).__name__}")
        scales = _pair("image_scale", image_scale, positive=True)
        strides = _pair("receptive_field.stride", receptive_field.stride, positive=True)
        centers = _pair("receptive_field.center", receptive_field.center)
        inset = _number("inset", inset)
        x, y = [
            AxisRule(
                scale,
                stride,
                CornerRule(inset + stride / 2 - center, RoundOp.FLOOR, 0),
                CornerRule(-inset - stride / 2 - center, RoundOp.CEIL, 1),
            )
            for scale, stride, center in zip(scales, strides, centers, strict=True)
        ]
        arguments = (("", receptive_field), ("image_scale", scales), ("inset", inset))
        return Projection(x, y, Fit.CLAMP_TO_MAP, "receptive_field", arguments)

    @staticmethod
    def floor_ceil(stride: Pair[float], image_scale: Pair[float] = 1.0) -> Projection:
        """The rule of the paper's journal version: cells ``floor(x / S) + 1`` to ``ceil(x / S) - 1``.

        Both are included, and pixels and cells counted from 1. Windows are clamped to the map and never empty: a
        reversed one becomes its middle cell.

        Args:
            stride: pixels of the network's input from cell to cell; one number or (x, y).
            image_scale: size of the network's input over the size of the image the boxes are in; one number or (x, y).
        """
        strides = _pair("stride", stride, positive=True)
        scales = _pair("image_scale", image_scale, positive=True)
        x, y = [
            AxisRule(scale, step, CornerRule(1.0, RoundOp.FLOOR, 0), CornerRule(1.0, RoundOp.CEIL, -1))
            for scale, step in zip(scales, strides, strict=True)
        ]
        return Projection(x, y, Fit.CLAMP_TO_MAP, "floor_ceil", (("", strides), ("image_scale", scales)))


Projections: TypeAlias = float | Projection | Sequence[float | Projection]


def as_projections(projection: Projections, maps: int) -> list[Projection]:
    """One `Projection` for each of `maps` feature maps; a number is a ``spatial_scale``, a single one serves all maps.

    Raises:
        TypeError, ValueError: naming ``projection`` and what was expected.
    """
    if not checks.is_sequence(projection):
        return [_as_projection("projection", projection)] * maps
    if len(projection) != maps:
        raise ValueError(f"projection: expected one per feature map ({maps}), got {len(projection)}")
    return [_as_projection(f"projection[{i}]", each) for i, each in enumerate(projection)]


def _as_projection(argument: str, value: object) -> Projection:
    if isinstance(value, Projection):
        if value.name == "custom":  # the named constructors check what they are given
            _check_parts(argument, value)
        return value
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{argument}: expected a number or a Projection, got {type(value).__name__}")
    return Projection.rounded(_number(argument, value, positive=True))


def _check_parts(argument: str, rule: Projection) -> None:
    """Refuse a rule that was put together from parts and cannot be computed."""
    for axis in (rule.x, rule.y):
        if not isinstance(axis, AxisRule) or not all(isinstance(c, CornerRule) for c in (axis.low, axis.high)):
            raise TypeError(f"{argument}: expected an AxisRule of two CornerRules for x and y, got {shown(axis)}")
        _number(f"{argument}.image_scale", axis.image_scale, positive=True)
        _number(f"{argument}.stride", axis.stride, positive=True)
        for corner in (axis.low, axis.high):
            _number(f"{argument}.offset", corner.offset)
            if not isinstance(corner.shift, int) or abs(corner.shift) > LIMITS.shift:
                raise ValueError(f"{argument}.shift: expected at most {LIMITS.shift} cells, got {shown(corner.shift)}")
            if corner.round_op not in list(RoundOp):
                raise ValueError(f"{argument}.round_op: expected a RoundOp, got {shown(corner.round_op)}")
    if rule.fit not in list(Fit):
        raise ValueError(f"{argument}.fit: expected a Fit, got {shown(rule.fit)}")


def _pair(argument: str, value: Any, *, positive: bool = False) -> tuple[float, float]:
    """(x, y) of one number for both axes or of a pair."""
    if checks.is_sequence(value):
        if len(value) != 2:
            raise ValueError(f"{argument}: expected one number or a pair (x, y), got {len(value)} numbers")
        return _number(f"{argument}[0]", value[0], positive=positive), _number(
            f"{argument}[1]", value[1], positive=positive
        )
    number = _number(argument, value, positive=positive)
    return number, number


def _number(argument: str, value: object, *, positive: bool = False) -> float:
    number = checks.as_float(argument, value)
    least = 1 / LIMITS.number if positive else -LIMITS.number
    if not least <= number <= LIMITS.number:  # nor is NaN
        raise ValueError(f"{argument}: expected a finite{' positive' if positive else ''} number, got {shown(value)}")
    return number


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return _text(value[0]) if value[0] == value[1] else f"({_text(value[0])}, {_text(value[1])})"
    return f"{value:g}" if isinstance(value, float) else repr(value)
