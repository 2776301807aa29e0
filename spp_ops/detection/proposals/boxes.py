"""What all makers of proposals share: the form of their boxes, and images resized for them."""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.image import Pixels

Boxes: TypeAlias = npt.NDArray[np.float32]  # [R, 4]: x1, y1, x2, y2 in 0-based pixels, x2 and y2 inside the box


def no_boxes() -> Boxes:
    """Return [0, 4]."""
    return np.zeros((0, 4), np.float32)


def check_size(side: int, limit: int | None) -> None:
    """Raise ValueError where the side of the resized image or the number of boxes is below 1."""
    if side < 1:
        raise ValueError(f"side: expected at least 1 pixel, got {side}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit: expected at least 1 window or None, got {limit}")


def opencv() -> ModuleType:
    """Import OpenCV.

    Raises:
        ImportError: it is not there, or lacks its contributed modules.
    """
    try:
        import cv2
    except ImportError as error:
        raise ImportError(f"proposals need the Python package opencv-contrib-python ({error})") from error
    if not hasattr(cv2, "ximgproc"):
        raise ImportError("proposals need OpenCV with its contributed modules: opencv-contrib-python")
    module: ModuleType = cv2
    return module


def resized(image: Pixels, side: int) -> Pixels:
    """Resize so that the longer side has `side` pixels."""
    cv2: Any = opencv()
    height, width = image.shape[:2]
    factor = side / max(height, width)
    small_width, small_height = max(round(width * factor), 1), max(round(height * factor), 1)
    interpolation = cv2.INTER_AREA if small_width < width else cv2.INTER_LINEAR
    small: Pixels = cv2.resize(image, (small_width, small_height), interpolation=interpolation)
    return small


def to_image(boxes: npt.NDArray[np.int32], small: Pixels, image: Pixels) -> npt.NDArray[np.int64]:
    """Boxes (x, y, width, height) of the resized image -> corners in the whole pixels of the image that they touch."""
    factors = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]])
    low = np.floor(boxes[:, :2] * factors + 1e-6)
    high = np.ceil((boxes[:, :2] + boxes[:, 2:]) * factors - 1e-6) - 1
    last = np.array([image.shape[1], image.shape[0]]) - 1
    return np.concatenate([low, np.clip(high, low, last)], axis=1).astype(np.int64)
