"""From an image of any size to a square network input: the paper's crops, flips and color shifts (section 3.1.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHORTER_SIDE = 256  # of the resized image
CROP = 224  # of the square cut from it
THINNEST = 8  # aspect beyond which an image's ends are cut off, so that none becomes millions of pixels long
POSITIONS = ("center", "top left", "top right", "bottom left", "bottom right")


def resize_shorter(image: Tensor, side: int) -> Tensor:
    """Resize so that the shorter side has `side` pixels and the aspect is kept; bilinear, with antialiasing.

    Args:
        image: [3, H, W], uint8 or float. Of an image more than `THINNEST` times as long as wide the middle is taken.
        side: pixels.
    """
    from torchvision.transforms.v2 import functional as F

    height, width = image.shape[-2:]
    longest = THINNEST * min(height, width)
    if max(height, width) > longest:
        image = F.center_crop(image, [min(height, longest), min(width, longest)])
    resized: Tensor = F.resize(image, [side], antialias=True)
    return resized


class CropAtPosition(nn.Module):
    """A square with 224/256 of the shorter side, at one of the paper's five positions drawn at random.

    Shape: [3, H, W] -> [3, s, s]. Cutting before resizing gives the image that resizing to 256 and cutting 224 would,
    and leaves one interpolation, also where the input of the network is not 224 pixels wide.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Cut the square."""
        from torchvision.transforms.v2 import functional as F

        position = int(torch.randint(len(POSITIONS), ()))
        top, left, side = crop_window(image.shape[-2], image.shape[-1], position)
        square: Tensor = F.crop(image, top, left, side, side)
        return square


def crop_window(height: int, width: int, position: int) -> tuple[int, int, int]:
    """Return (top, left, side) of the square at `POSITIONS[position]` of an image."""
    side = max(round(min(height, width) * CROP / SHORTER_SIDE), 1)
    below, right = height - side, width - side
    if position == 0:
        return below // 2, right // 2, side
    return (0 if position < 3 else below), (0 if position % 2 else right), side


def training_transform(size: int, color_shift: float) -> nn.Module:
    """Make the random transform of training: [3, H, W] uint8 -> [3, size, size] uint8.

    Args:
        size: side of the network's input, in pixels.
        color_shift: brightness, contrast and saturation are scaled by up to 1 +- this, the hue is turned by up to a
            tenth of it; 0: colors are kept.
    """
    from torchvision.transforms import v2

    steps: list[nn.Module] = [
        CropAtPosition(),
        v2.Resize([size, size], antialias=True),
        v2.RandomHorizontalFlip(),
    ]
    if color_shift > 0:
        steps.append(v2.ColorJitter(color_shift, color_shift, color_shift, min(color_shift / 10, 0.5)))
    transform: nn.Module = v2.Compose(steps)
    return transform
