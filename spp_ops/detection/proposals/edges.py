"""Windows that may hold an object: EdgeBoxes (Zitnick and Dollar, 2014), on plain gradients.

EdgeBoxes scores a window by the contours that lie wholly inside it. The authors take their edges from a learnt model;
here they are the Scharr gradients of the smoothed image, thinned to one pixel, which need no model.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.image import Pixels
from spp_ops.detection.proposals.boxes import Boxes, check_size, no_boxes, opencv, resized, to_image

Plane: TypeAlias = npt.NDArray[np.float32]  # [H, W]

SMOOTHING = 1.5  # standard deviation in pixels of the Gaussian before the gradient
SMALLEST = 16  # pixels; OpenCV's EdgeBoxes reads beyond images that are hardly larger than its edge groups


def edge_boxes(image: Pixels, *, side: int = 500, limit: int | None = 2000) -> Boxes:
    """EdgeBoxes windows of a photo, best first, the same ones in the same order on every run.

    Args:
        image: uint8 [H, W, 3], RGB.
        side: the image is first resized so that its longer side has this many pixels.
        limit: the best this many windows; None: all that OpenCV gives (10,000 at most).

    Returns:
        float32 [R, 4]: whole pixels of `image`, corners included, all inside it, no two alike. An image without edges
        has none.

    Raises:
        ImportError: OpenCV with its contributed modules is not installed.
        ValueError: side or limit is below 1.
    """
    check_size(side, limit)
    cv2: Any = opencv()
    small = resized(image, side)
    if min(small.shape[:2]) < SMALLEST:
        return no_boxes()
    strength, angle = edges(small)
    search = cv2.ximgproc.createEdgeBoxes(maxBoxes=10_000)
    found, scores = search.getBoundingBoxes(strength, angle)
    if len(found) == 0:
        return no_boxes()
    boxes = to_image(np.asarray(found).reshape(-1, 4), small, image)
    x1, y1, x2, y2 = boxes.T
    boxes = boxes[np.lexsort((y2, x2, y1, x1, -np.asarray(scores).ravel()))]
    _, first = np.unique(boxes, axis=0, return_index=True)
    return boxes[np.sort(first)][:limit].astype(np.float32)


def edges(image: Pixels) -> tuple[Plane, Plane]:
    """Edge strength, 0 to 1 and thinned to one pixel, and the direction across the edge, 0 to pi, both [H, W].

    Each pixel has the gradient of the color channel in which it is steepest.
    """
    cv2: Any = opencv()
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), SMOOTHING)
    dx, dy = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    steepest = np.hypot(dx, dy).argmax(axis=2)[:, :, None]
    dx, dy = (np.take_along_axis(gradient, steepest, axis=2)[:, :, 0] for gradient in (dx, dy))
    strength = np.hypot(dx, dy)
    strength /= max(float(strength.max()), 1e-12)
    return _thinned(strength, dx, dy), np.mod(np.arctan2(dy, dx), np.float32(np.pi)).astype(np.float32)


def _thinned(strength: Plane, dx: Plane, dy: Plane) -> Plane:
    """Keep what is no weaker than its neighbors one pixel away across the edge."""
    cv2: Any = opencv()
    length = np.maximum(np.hypot(dx, dy), 1e-12)
    y, x = np.mgrid[: strength.shape[0], : strength.shape[1]].astype(np.float32)
    keep = np.ones(strength.shape, bool)
    for sign in (-1, 1):
        across = (x + sign * dx / length).astype(np.float32), (y + sign * dy / length).astype(np.float32)
        keep &= strength >= cv2.remap(strength, *across, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    thin: Plane = np.where(keep, strength, 0).astype(np.float32)
    return thin
