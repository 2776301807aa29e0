"""Resizing as operations on tensors alone, so that the sizes stay open in a graph.

The interpolations that runtimes offer differ in how they round positions, and not all of them know antialiasing. Here
the places and weights of the pixels are computed, in the arithmetic of PyTorch's own kernels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

LONGEST = 46_340  # pixels a side in a graph: their product is below 2**31


def sides_of(image: Tensor) -> tuple[Tensor, Tensor]:
    """Height and width of an image [H, W, ...] as whole numbers in tensors []."""
    height, width = (torch.full((), image.shape[axis], dtype=torch.int64) for axis in (0, 1))
    return height, width


def quotient(over: Tensor, under: Tensor) -> Tensor:
    """float32 [], one whole number by another, rounded once; exact quotients from 1/256 to 256.

    Some runtimes multiply by a rounded reciprocal where floats are divided, and a window on the edge of two cells then
    lands on the other one. Whole numbers are divided alike everywhere: this is long division, in digits to base 256.
    """
    digits, rest = [], over
    for _ in range(5):
        digit = rest // under
        digits.append(digit)
        rest = (rest - digit * under) * 256
    high = (digits[0] * 256 + digits[1]) * 256 + digits[2]
    low = (digits[3] * 256 + digits[4]) * 2 + (rest > 0)
    return high.float() * 2.0**-16 + low.float() * 2.0**-33


def length_of(count: Tensor, least: int = 1) -> int:
    """A number computed in the graph as the length of a tensor; it is `least` or more, and `LONGEST` at most."""
    length: Any = count.clamp(min=least).item()  # a symbol in a graph, which int() would make a constant
    torch._check(length >= least)
    torch._check(length <= LONGEST)
    return length  # type: ignore[no-any-return]


def bilinear(image: Tensor, sides: tuple[Tensor, Tensor], size: tuple[Tensor, Tensor], least: int = 1) -> Tensor:
    """`torch.nn.functional.interpolate(mode="bilinear")` of an image, filled up with what its edges have.

    Args:
        image: [H, W, C], of any type.
        sides: H and W.
        size: height and width of the resized image.
        least: the result has at least this many rows and columns.

    Returns:
        float32 [h, w, C].
    """
    (top, bottom, down), (left, right, across) = (
        _neighbors(side, wanted, length_of(wanted, least)) for side, wanted in zip(sides, size, strict=True)
    )
    above, below = (image.index_select(0, rows).float() for rows in (top, bottom))
    rows = _between(above, below, down[:, None, None])
    return _between(rows.index_select(1, left), rows.index_select(1, right), across[:, None])


def is_inside(size: tuple[Tensor, Tensor], pixels: Tensor) -> Tensor:
    """Which of the pixels [h, w, ...] belong to an image of this size in their upper left corner: bool [h, w]."""
    (height, width), (rows, columns) = size, pixels.shape[:2]
    return (torch.arange(rows) < height)[:, None] & (torch.arange(columns) < width)


def antialiased(
    image: Tensor, begin: tuple[Tensor, Tensor], sides: tuple[Tensor, Tensor], size: tuple[Tensor, Tensor]
) -> Tensor:
    """`torchvision.transforms.v2.functional.resize(antialias=True)` of a part of an image of 8 bits.

    Args:
        image: uint8 [H, W, C].
        begin: first row and first column of the part.
        sides: its height and width.
        size: height and width of the resized part.

    Returns:
        float32 [h, w, C] of whole numbers, some of them one away from the library's, which rounds its weights.
    """
    down, across = (
        _triangles(whole, first, side, wanted)
        for whole, first, side, wanted in zip(image.shape[:2], begin, sides, size, strict=True)
    )
    pixels = image.float().permute(2, 0, 1)
    narrow = _as_bytes(pixels @ across.T)  # columns first, as the library
    return _as_bytes(down @ narrow).permute(1, 2, 0)


def _neighbors(side: Tensor, wanted: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Along an axis, of `count` resized pixels: the two that each lies between, and how far beyond the first."""
    step = side.float() / wanted.float()
    position = ((torch.arange(count) + 0.5) * step - 0.5).clamp(min=0)
    low = position.floor().to(torch.int64).minimum(side - 1)
    return low, (low + 1).minimum(side - 1), (position - low.float()).clamp(max=1)


def _between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    return first * (1 - share) + second * share


def _triangles(whole: int, first: Tensor, side: Tensor, wanted: Tensor) -> Tensor:
    """Weights [resized, pixels of the image] of an antialiased interpolation along an axis of a part of the image."""
    step = side.float() / wanted.float()
    support = step.clamp(min=1)
    center = (torch.arange(length_of(wanted)) + 0.5) * step
    pixel = torch.arange(whole) - first
    # The library takes pixels whose middle is within the support of the center, the ends rounded to whole pixels.
    low, high = ((center + end * support + 0.5).floor().clamp(min=0)[:, None] for end in (-1, 1))
    weight = (1 - ((pixel + 0.5 - center[:, None]) / support).abs()).clamp(min=0)
    weight = torch.where((pixel >= low) & (pixel < high.minimum(side)) & (pixel >= 0), weight, 0.0)
    return weight / weight.sum(dim=1, keepdim=True)


def _as_bytes(pixels: Tensor) -> Tensor:
    """Rounded to 0..255, halves up."""
    return (pixels + 0.5).floor().clamp(0, 255)
