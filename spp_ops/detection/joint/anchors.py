"""Anchors that follow from the boxes to be learned: sizes and ratios by clustering (as YOLO9000, section 2, does)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.image_sizes import ImageSize, image_sizes
from spp_ops.detection.detectors.proposer import ProposerConfig

SIZES, RATIOS = 5, 3  # of the anchors, where the boxes differ so much


def fit_proposer(
    images: DetectionImages, scales: Sequence[int], longest: int, object_sizes: tuple[float, float] | None = None
) -> ProposerConfig:
    """Return a proposer whose anchors are like the images' objects, as they look when it learns.

    Args:
        images: with objects; difficult ones don't count.
        scales: shorter sides that images are resized to.
        longest: longest side of a resized image.
        object_sizes: of the objects that are learned at a scale; see `JointConfig`.

    Raises:
        ValueError: there is no object to be learned.
    """
    smallest, largest = object_sizes or (0.0, math.inf)
    sizes, ratios = [], []
    for objects, size in zip(images.objects, image_sizes(images.paths), strict=True):
        boxes = objects.boxes[~objects.difficult]
        if len(boxes) == 0 or not isinstance(size, ImageSize):
            continue
        extent = boxes[:, 2:] - boxes[:, :2] + 1
        ratios.append(extent[:, 1] / extent[:, 0])
        for scale in scales:
            factor = min(scale / min(size.upright), longest / max(size.upright))
            resized = np.sqrt(extent.prod(axis=1)) * factor
            sizes.append(resized[(resized >= smallest) & (resized <= largest)])
    if not any(map(len, sizes)):
        raise ValueError("images: expected objects that are not difficult, to learn windows from, found none")
    return ProposerConfig(cluster(np.concatenate(sizes), SIZES), cluster(np.concatenate(ratios), RATIOS))


def cluster(values: npt.NDArray[np.floating], count: int) -> tuple[float, ...]:
    """Centers of at most `count` clusters of positive numbers by their logarithms, ascending, to three digits."""
    from sklearn.cluster import KMeans

    logs = np.log(values.astype(np.float64))[:, None]
    distinct = len(np.unique(logs.round(6)))
    fitted = KMeans(min(count, distinct), n_init=4, random_state=0).fit(logs)
    return tuple(sorted({float(f"{center:.3g}") for center in np.exp(fitted.cluster_centers_[:, 0])}))
