"""Windows that may hold an object: selective search (Uijlings et al., 2013), the paper's choice (section 4.1)."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.image import Pixels

Boxes: TypeAlias = npt.NDArray[np.float32]  # [R, 4]: x1, y1, x2, y2 in 0-based pixels, x2 and y2 inside the box


def selective_search(
    image: Pixels, mode: Literal["fast", "quality"] = "fast", *, side: int = 500, limit: int | None = 2000
) -> Boxes:
    """Selective-search windows of a photo, the same ones in the same order on every run.

    Args:
        image: uint8 [H, W, 3], RGB.
        mode: "fast" (the paper's) or "quality" (more windows, several times slower).
        side: the image is first resized so that its longer side has this many pixels, as segmentation depends on size.
        limit: at most this many windows; where there are more, they are thinned out evenly over all sizes. None: all.

    Returns:
        float32 [R, 4]: whole pixels of `image`, corners included, all inside it, no two alike; ordered by area, largest
        first.

    Raises:
        ImportError: OpenCV with its contributed modules is not installed.
        ValueError: the mode is unknown, or side or limit is below 1.
    """
    if mode not in ("fast", "quality"):
        raise ValueError(f"mode: expected 'fast' or 'quality', got {mode!r}")
    if side < 1:
        raise ValueError(f"side: expected at least 1 pixel, got {side}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit: expected at least 1 window or None, got {limit}")
    height, width = image.shape[:2]
    factor = side / max(height, width)
    small_width, small_height = max(round(width * factor), 1), max(round(height * factor), 1)
    small = _segment(image, small_width, small_height, mode)
    boxes = _to_image(small, width / small_width, height / small_height)
    boxes = np.unique(boxes, axis=0)
    x1, y1, x2, y2 = boxes.T
    boxes = boxes[np.lexsort((x1, y1, -(x2 - x1 + 1) * (y2 - y1 + 1)))]
    if limit is not None and len(boxes) > limit:
        boxes = boxes[np.linspace(0, len(boxes) - 1, limit).astype(np.int64)]
    return boxes.astype(np.float32)


def _segment(image: Pixels, width: int, height: int, mode: str) -> npt.NDArray[np.int32]:
    """[R, 4] boxes (x, y, width, height) of the image resized to width x height, in OpenCV's order, which varies."""
    try:
        import cv2

        search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    except (ImportError, AttributeError) as error:
        raise ImportError("selective search needs the Python package opencv-contrib-python") from error
    shrinks = width < image.shape[1]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    search.setBaseImage(cv2.cvtColor(resized, cv2.COLOR_RGB2BGR))
    search.switchToSelectiveSearchFast() if mode == "fast" else search.switchToSelectiveSearchQuality()
    boxes: npt.NDArray[np.int32] = np.asarray(search.process(), dtype=np.int32).reshape(-1, 4)
    return boxes


def _to_image(small: npt.NDArray[np.int32], x_factor: float, y_factor: float) -> npt.NDArray[np.int64]:
    """Boxes (x, y, width, height) of the resized image -> corners in the whole pixels of the image that they touch."""
    factors = np.array([x_factor, y_factor])
    low = np.floor(small[:, :2] * factors + 1e-6)
    high = np.ceil((small[:, :2] + small[:, 2:]) * factors - 1e-6) - 1
    return np.concatenate([low, np.maximum(high, low)], axis=1).astype(np.int64)
