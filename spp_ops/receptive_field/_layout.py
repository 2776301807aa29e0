"""Which dimensions of a tensor run along the image, and what their cells see: followed through reshapes and sums.

A dimension is a tuple of parts, outermost first, as `view` may merge dimensions (tokens [N, H * W, C]) and split them
again. A part has an extent and, where it runs along the image, an `Axis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from spp_ops.receptive_field._field import Axis, NoFieldError


class Part(NamedTuple):
    """One factor of a dimension's extent."""

    extent: int
    axis: Axis | None = None


Dimension: TypeAlias = tuple[Part, ...]
Layout: TypeAlias = tuple[Dimension, ...]


def plain(shape: Sequence[int]) -> Layout:
    """The layout of a tensor that has nothing of the image's axes: a parameter, a gate, a statistic."""
    return tuple((Part(extent),) for extent in shape)


def image(shape: Sequence[int]) -> Layout:
    """The layout of an image [N, C, H, W]."""
    n, c, height, width = shape
    return ((Part(n),), (Part(c),), (Part(height, Axis("y")),), (Part(width, Axis("x")),))


def is_spatial(dimension: Dimension) -> bool:
    """Whether a dimension runs along the image."""
    return any(part.axis is not None for part in dimension)


def axis_of(dimension: Dimension) -> Axis | None:
    """The axis of a dimension that is one axis alone; None of one that has none.

    Raises:
        NoFieldError: It is merged of several parts.
    """
    spatial = [part.axis for part in dimension if part.axis is not None]
    if spatial and len([part for part in dimension if part.extent > 1 or part.axis]) > 1:
        raise NoFieldError("works along merged dimensions of a map")
    return spatial[0] if spatial else None


def reshaped(layout: Layout, shape: Sequence[int]) -> Layout:
    """The layout of the same numbers, in the same order, as a tensor of another shape.

    A split axis leaves its coarse part on the image (each of its cells sees what the fine cells see together).
    """
    parts = [part for dimension in layout for part in dimension if part.extent != 1 or part.axis is not None]
    dimensions: list[Dimension] = []
    for extent in shape:
        dimension: list[Part] = []
        missing = extent
        while missing > 1:
            part = parts.pop(0)
            if missing % part.extent == 0:
                missing //= part.extent
            elif part.extent % missing == 0:
                fine = part.extent // missing
                coarse = None if part.axis is None else part.axis.after(fine, fine, 0)
                parts.insert(0, Part(fine))
                part, missing = Part(missing, coarse), 1
            else:
                raise NoFieldError("takes the dimensions of a map apart")
            dimension.append(part)
        dimensions.append(tuple(dimension) or (Part(1),))
    return tuple(dimensions)


def broadcast(layouts: Sequence[Layout], shape: Sequence[int]) -> Layout:
    """The layout of what is computed place by place from operands: along each dimension the union of what they see."""
    result = list(plain(shape))
    for d in range(1, len(shape) + 1):
        for layout in layouts:
            if len(layout) >= d and is_spatial(layout[-d]):
                result[-d] = _union(result[-d], layout[-d]) if is_spatial(result[-d]) else layout[-d]
    return tuple(result)


def _union(one: Dimension, other: Dimension) -> Dimension:
    if one == other:
        return one
    one, other = (tuple(p for p in each if p.extent > 1 or p.axis is not None) for each in (one, other))
    if len(one) != len(other) or any((a.axis is None) != (b.axis is None) for a, b in zip(one, other, strict=True)):
        raise NoFieldError("sums maps of different layout")
    return tuple(
        Part(a.extent, a.axis if a.axis is None or b.axis is None else a.axis.union(b.axis))
        for a, b in zip(one, other, strict=True)
    )
