"""What size a photo is resized to, and large photos resized without a float copy of every pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from spp_ops.datasets.image import Pixels

_LARGE = 2**21  # pixels


def scaled_size(height: Tensor, width: Tensor, scale: int, longest: int) -> tuple[Tensor, Tensor]:
    """Size of a resized image, in whole numbers alone: every machine and every runtime finds the same.

    Args:
        height: of the image, int64 [].
        width: of the image, int64 [].
        scale: wanted length of the shorter side.
        longest: the longer side gets this length where it would exceed it.

    Returns:
        Height and width, int64 [], rounded to the nearest, halves to the even one; at least 1.
    """
    short, long = height.minimum(width), height.maximum(width)
    limited = scale * long > longest * short
    numerator, denominator = torch.where(limited, longest, scale), torch.where(limited, long, short)

    def scaled(side: Tensor) -> Tensor:
        whole = side * numerator // denominator
        twice_rest = 2 * (side * numerator - whole * denominator)
        up = (twice_rest > denominator) | ((twice_rest == denominator) & (whole % 2 == 1))
        return (whole + up.to(torch.int64)).clamp(min=1)

    return scaled(height), scaled(width)


def is_large(image: Pixels) -> bool:
    """Whether a photo is better resized row-wise first, as 8-bit pixels."""
    return bool(image.shape[0] * image.shape[1] > _LARGE)


def resized_rows(image: Pixels, count: int, device: torch.device) -> Tensor:
    """A photo with another number of rows, by linear interpolation between them.

    Only the rows that are read become floats: of 12 megapixels, 20 MB in the place of 144. Interpolating the columns
    then gives what bilinear interpolation gives, but for rounding; places and weights are as PyTorch has them.

    Args:
        image: uint8 [H, W, 3].
        count: number of rows.
        device: of the result.

    Returns:
        float32 [1, 3, count, W] of values 0 to 255, channels-last.
    """
    height = image.shape[0]
    places = ((torch.arange(count) + 0.5) * (height / count) - 0.5).clamp(min=0)
    above = places.long()
    pixels = torch.from_numpy(image)
    one, other = (pixels[rows].to(device).float() for rows in (above, (above + 1).clamp(max=height - 1)))
    rows = torch.lerp(one, other, (places - above).to(device)[:, None, None])
    return rows[None].permute(0, 3, 1, 2)
