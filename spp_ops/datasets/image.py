"""Any image -> 8-bit RGB pixels -> the tensor a network wants."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from spp_ops.datasets.decoding import ImageError, ImageRules, Pixels, decode, upright

ImageSource: TypeAlias = "str | os.PathLike[str] | Image.Image | npt.NDArray[np.generic]"

__all__ = [
    "IMAGENET_NORMALIZATION",
    "PAPER_NORMALIZATION",
    "ImageError",
    "ImageSource",
    "Normalization",
    "Pixels",
    "load_image",
    "to_tensor",
]


def load_image(source: ImageSource) -> Pixels:
    """Read an image as 8-bit RGB, upright.

    Handles gray, palette, CMYK and 16-bit images, transparency (laid over white), EXIF rotation (of damaged EXIF as far
    as it can be read) and animations (their first frame). Gray pixels of 32 bits are scaled by the range of their
    values. `ImageRules` says what else can be read.

    Args:
        source: path of a file, a Pillow image, or a uint8 array [H, W] (gray) or [H, W, 3] (RGB).

    Returns:
        uint8 array [H, W, 3], RGB; H, W >= 1.

    Raises:
        FileNotFoundError: there is no such file.
        ImageError: the file can't be decoded, is larger than Pillow's safety limit of about 179 million pixels, or
            holds pixels without a defined range (floating-point ones).
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        name = getattr(source, "filename", "") or "<Pillow image>"
        return upright(source, name, ImageRules.current()).pixels
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"image: expected a path, a Pillow image or an array, got {type(source).__name__}")
    return decode(Path(source)).pixels


def _from_array(array: npt.NDArray[np.generic]) -> Pixels:
    shape = array.shape
    if array.dtype != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3) or array.size == 0:
        raise ImageError(f"image: expected uint8 [H, W] or [H, W, 3], not empty, got {array.dtype} {list(shape)}")
    pixels = array if array.ndim == 3 else np.repeat(array[:, :, None], 3, axis=2)
    return pixels.astype(np.uint8, copy=False)


def to_tensor(image: Pixels, device: torch.device | str | None = None) -> Tensor:
    """uint8 pixels [H, W, 3] -> float32 tensor [1, 3, H, W] of the same values, channels-last in memory."""
    pixels = torch.from_numpy(np.require(image, requirements=["C", "W"])).to(device)
    return pixels.permute(2, 0, 1)[None].to(torch.float32, memory_format=torch.channels_last)


@dataclass(frozen=True)
class Normalization:
    """How a network wants its pixels: `(value - mean) / std` of values 0..255, channels in RGB or BGR order.

    `mean` and `std` are given for red, green, blue, whatever the order.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bgr: bool = False

    def __call__(self, pixels: Tensor) -> Tensor:
        """RGB values 0..255, float [..., 3, H, W] -> the same shape, normalized; memory format kept."""
        mean, std = (pixels.new_tensor(numbers).view(3, 1, 1) for numbers in (self.mean, self.std))
        rows = pixels.movedim(-3, -1)
        normalized: Tensor
        if not torch.compiler.is_compiling() and rows.is_contiguous():
            # Whole rows at a time: processors have wider registers than the three numbers of a pixel.
            width = rows.shape[-2]
            mean, std = (numbers.flatten().repeat(width) for numbers in (mean, std))
            normalized = ((rows.flatten(-2) - mean) / std).unflatten(-1, (width, 3)).movedim(-1, -3)
        else:
            normalized = (pixels - mean) / std
        return normalized.flip(-3) if self.bgr else normalized


PAPER_NORMALIZATION = Normalization(mean=(128.0, 128.0, 128.0), bgr=True)  # the authors' code (paper, section 2)
IMAGENET_NORMALIZATION = Normalization(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))  # torchvision's
