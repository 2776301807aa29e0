"""What selective search looks at: an image in several color spaces, smoothed, and with its gradients.

OpenCV does the filtering, each step as its own selective search does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.image import Pixels
from spp_ops.detection.proposals.boxes import opencv

Mode: TypeAlias = Literal["fast", "quality"]
Planes: TypeAlias = npt.NDArray[np.uint8]  # [H, W, planes]

# Of the smoothing, in pixels (Felzenszwalb and Huttenlocher, 2004, section 4); OpenCV keeps it in single precision.
_SIGMA = float(np.float32(0.8))


@dataclass(frozen=True)
class ColorSpace:
    """An image in one color space of C channels.

    Attributes:
        colors: uint8 [H, W, C].
        smooth: float32 [H, W, C], what is segmented.
        gradients: uint8 [H, W, 8C]: of each channel the positive and the negative gradients to the right, down and
            along both diagonals, each scaled to 0 to 255.
    """

    colors: Planes
    smooth: npt.NDArray[np.float32]
    gradients: Planes


def color_spaces(image: Pixels, mode: Mode) -> list[ColorSpace]:
    """Convert an image (uint8 [H, W, 3], RGB) to HSV and Lab; with "quality" to three more color spaces."""
    cv2: Any = opencv()
    spaces = [cv2.cvtColor(image, cv2.COLOR_RGB2HSV), cv2.cvtColor(image, cv2.COLOR_RGB2Lab)]
    if mode == "quality":
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        # Blue stands where Uijlings et al. (2013) have the hue: OpenCV's choice, so that both find the same windows.
        spaces += [gray, image[..., 2], cv2.merge([image[..., 0], image[..., 1], gray])]
    return [_color_space(np.ascontiguousarray(each)) for each in spaces]


def _color_space(colors: Planes) -> ColorSpace:
    cv2: Any = opencv()
    planes = cv2.split(colors)
    colors = colors.reshape(*colors.shape[:2], -1)
    smooth = cv2.GaussianBlur(colors.astype(np.float32), (0, 0), _SIGMA, sigmaY=_SIGMA).reshape(colors.shape)
    return ColorSpace(colors, smooth, cv2.merge([part for plane in planes for part in _gradients(plane)]))


def _gradients(plane: Planes) -> list[Planes]:
    """Eight of one channel: to the right, down, and both in the image turned by 45 degrees; each by sign."""
    cv2: Any = opencv()
    height, width = plane.shape
    center = (width / 2, height / 2)
    _, _, *corners = cv2.RotatedRect(center, (width, height), 45.0).boundingRect()
    turned_width, turned_height = max(corners[0], width), max(corners[1], height)  # a long image is longer than turned
    turn = cv2.getRotationMatrix2D(center, 45.0, 1.0)
    turn[:, 2] += turned_width / 2 - center[0], turned_height / 2 - center[1]
    turned = cv2.warpAffine(plane, turn, (turned_width, turned_height))
    back = cv2.getRotationMatrix2D((turned_width // 2, turned_height // 2), -45.0, 1.0)
    x, y = (turned_width - width) // 2, (turned_height - height) // 2
    gradients = [cv2.Scharr(plane, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1))]
    for axis in (1, 0), (0, 1):
        gradient = cv2.warpAffine(cv2.Scharr(turned, cv2.CV_32F, *axis), back, (turned_width, turned_height))
        gradients.append(np.ascontiguousarray(gradient[y : y + height, x : x + width]))
    parts = []
    for gradient in gradients:
        for sign in cv2.THRESH_TOZERO, cv2.THRESH_TOZERO_INV:
            _, part = cv2.threshold(gradient, 0, 0, sign)
            parts.append(cv2.normalize(part, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U))
    return parts
