"""Scored windows of one image -> what is found in it (paper, sections 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spp_ops.detection.boxes import clip_boxes, decode_boxes, suppress
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.config import DetectorConfig


@dataclass(frozen=True)
class Candidates:
    """Boxes that score high enough to be looked at, B of them, before any suppresses another.

    Attributes:
        boxes: [B, 4], inside the image.
        scores: [B].
        labels: [B] int64.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    @staticmethod
    def union(parts: Sequence[Candidates]) -> Candidates:
        """All candidates of several detectors."""
        return Candidates(
            torch.cat([part.boxes for part in parts]),
            torch.cat([part.scores for part in parts]),
            torch.cat([part.labels for part in parts]),
        )


def postprocess(
    windows: Tensor, scores: Tensor, corrections: Tensor | None, size: tuple[int, int], config: DetectorConfig
) -> Detections:
    """Correct the windows, drop low scores, suppress all but the best of boxes that overlap, class by class.

    Args:
        windows: [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included.
        scores: [R, K] probabilities or margins.
        corrections: [R, K, 4] as `decode_boxes` takes them, each of its own window; None: windows stay as they are.
        size: height and width of the image.
        config: gives classes, thresholds and the number of boxes kept.

    Returns:
        The boxes that are left, best first.
    """
    return select(candidates(windows, scores, corrections, size, config.score_threshold), config)


def candidates(
    windows: Tensor, scores: Tensor, corrections: Tensor | None, size: tuple[int, int], score_threshold: float
) -> Candidates:
    """Windows and classes whose scores reach the threshold, corrected and clipped; arguments as for `postprocess`."""
    row, label = (scores >= score_threshold).nonzero(as_tuple=True)
    boxes = windows[row].float()
    if corrections is not None:
        boxes = decode_boxes(boxes, corrections[row, label].float())
    # A correction may leave less than the one pixel that low = high stands for.
    low, high = boxes.split(2, dim=1)
    boxes = clip_boxes(torch.cat([low, high.maximum(low)], dim=1), *size)
    return Candidates(boxes, scores[row, label].float(), label)


def select(found: Candidates, config: DetectorConfig) -> Detections:
    """Non-maximum suppression, and the best `most` of each class; best first, equals in the order of their classes."""
    groups = torch.zeros_like(found.labels) if config.class_agnostic_nms else found.labels
    kept = suppress(found.boxes, found.scores, groups, config.nms_iou)
    boxes, scores, labels = (values[kept].cpu().numpy() for values in (found.boxes, found.scores, found.labels))
    by_class = np.lexsort((kept.cpu().numpy(), -scores, labels))
    # Within the classes, laid out one after the other, the place of each box in its own.
    first = np.searchsorted(labels[by_class], labels[by_class])
    best = by_class[np.arange(len(by_class)) - first < config.most]
    order = best[np.argsort(-scores[best], kind="stable")]
    return Detections(
        boxes[order].astype(np.float32),
        scores[order].astype(np.float32),
        labels[order].astype(np.int64),
        config.classes,
    )
