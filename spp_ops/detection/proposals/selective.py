"""Windows that may hold an object: selective search (Uijlings et al., 2013), the paper's choice (section 4.1)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.image import Pixels
from spp_ops.detection.proposals.boxes import Boxes, check_size, opencv, resized, to_image


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
    check_size(side, limit)
    small = resized(image, side)
    boxes = np.unique(to_image(_segment(small, mode), small, image), axis=0)
    x1, y1, x2, y2 = boxes.T
    boxes = boxes[np.lexsort((x1, y1, -(x2 - x1 + 1) * (y2 - y1 + 1)))]
    if limit is not None and len(boxes) > limit:
        boxes = boxes[np.linspace(0, len(boxes) - 1, limit).astype(np.int64)]
    return boxes.astype(np.float32)


def _segment(image: Pixels, mode: str) -> npt.NDArray[np.int32]:
    """[R, 4] boxes (x, y, width, height) in OpenCV's order, which varies."""
    cv2: Any = opencv()
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    search.switchToSelectiveSearchFast() if mode == "fast" else search.switchToSelectiveSearchQuality()
    boxes: npt.NDArray[np.int32] = np.asarray(search.process(), dtype=np.int32).reshape(-1, 4)
    return boxes
