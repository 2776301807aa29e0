"""Windows that may hold an object: selective search (Uijlings et al., 2013), the paper's choice (section 4.1).

An image is segmented at several scales in several color spaces, and each segmentation's regions are grouped into ever
larger ones by several measures of similarity; every region on the way gives a window.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from spp_ops.datasets.image import Pixels
from spp_ops.detection.proposals.boxes import Boxes, check_size, opencv, resized, to_image
from spp_ops.detection.proposals.color_spaces import Mode, color_spaces

_LEAST_SIZE = 100  # pixels of a segment
_SCALES = {"fast": (150.0, 300.0, 450.0), "quality": (150.0, 300.0, 450.0, 600.0, 750.0)}
_COLOR, _FILL, _TEXTURE, _SIZE = 1, 2, 4, 8  # as in csrc/kernels/cpu/hierarchical_grouping.h
_STRATEGIES = {
    "fast": (_COLOR | _FILL | _TEXTURE | _SIZE, _FILL | _TEXTURE | _SIZE),
    "quality": (_COLOR | _FILL | _TEXTURE | _SIZE, _FILL | _TEXTURE | _SIZE, _FILL, _SIZE),
}


def selective_search(
    image: Pixels,
    mode: Mode = "fast",
    *,
    side: int = 500,
    limit: int | None = 2000,
    library: Literal["spp_ops", "opencv"] = "spp_ops",
) -> Boxes:
    """Selective-search windows of an image, the same ones in the same order on every run.

    Both libraries find the same windows in nearly every image (up to 2.4 times as long as wide; of longer ones OpenCV
    reads past its own memory). Ours is several times faster and orders them by the method's own priority,
    which is worth most where few are taken; OpenCV's order differs from run to run.

    Args:
        image: uint8 [H, W, 3], RGB.
        mode: "fast" (the paper's) or "quality" (more windows, several times slower).
        side: the image is first resized so that its longer side has this many pixels, as segmentation depends on size.
        limit: at most this many windows, the first ones in their order; OpenCV's are thinned out evenly over all sizes.
            None: all.
        library: whose implementation.

    Returns:
        float32 [R, 4]: whole pixels of `image`, corners included, all inside it, no two alike; by priority (section 3.3
        of Uijlings et al.: regions that were grouped late come early, with some chance), the most promising one first.
        OpenCV's are ordered by area, largest first.

    Raises:
        ImportError: OpenCV with its contributed modules is not installed.
        ValueError: the mode or the library is unknown, or side or limit is below 1.
    """
    if mode not in _SCALES:
        raise ValueError(f"mode: expected 'fast' or 'quality', got {mode!r}")
    if library not in ("spp_ops", "opencv"):
        raise ValueError(f"library: expected 'spp_ops' or 'opencv', got {library!r}")
    check_size(side, limit)
    small = resized(image, side)
    if library == "spp_ops":
        boxes = to_image(_search(small, mode), small, image)
        _, first = np.unique(boxes, axis=0, return_index=True)
        return boxes[np.sort(first)][:limit].astype(np.float32)
    boxes = np.unique(to_image(_search_by_opencv(small, mode), small, image), axis=0)
    x1, y1, x2, y2 = boxes.T
    boxes = boxes[np.lexsort((x1, y1, -(x2 - x1 + 1) * (y2 - y1 + 1)))]
    if limit is not None and len(boxes) > limit:
        boxes = boxes[np.linspace(0, len(boxes) - 1, limit).astype(np.int64)]
    return boxes.astype(np.float32)


def _search(image: Pixels, mode: Mode) -> npt.NDArray[np.int32]:
    """[R, 4] boxes (x, y, width, height), the most promising one first."""
    spaces = color_spaces(image, mode)
    corners: npt.NDArray[np.int32] = torch.ops.spp_ops.selective_search(
        [torch.from_numpy(space.smooth) for space in spaces],
        [torch.from_numpy(space.colors) for space in spaces],
        [torch.from_numpy(space.gradients) for space in spaces],
        _SCALES[mode],
        _LEAST_SIZE,
        _STRATEGIES[mode],
    ).numpy()
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2] + 1], axis=1)


def _search_by_opencv(image: Pixels, mode: Mode) -> npt.NDArray[np.int32]:
    """[R, 4] boxes (x, y, width, height) in OpenCV's order, which varies."""
    cv2: Any = opencv()
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    search.switchToSelectiveSearchFast() if mode == "fast" else search.switchToSelectiveSearchQuality()
    boxes: npt.NDArray[np.int32] = np.asarray(search.process(), dtype=np.int32).reshape(-1, 4)
    return boxes
