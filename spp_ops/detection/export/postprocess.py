"""Scored windows -> boxes, as operations on tensors alone: `spp_ops.detection.detectors.postprocess` in a graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spp_ops.detection.boxes import decode_boxes, half_open
from spp_ops.detection.detectors.config import DetectorConfig

_LEAST = -1e30  # below every score


def select_boxes(
    windows: Tensor, scores: Tensor, corrections: Tensor | None, sides: tuple[Tensor, Tensor], config: DetectorConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Threshold, correction, clipping, suppression class by class, and the best of each class.

    Args:
        windows: [R, 4] as a detector takes them.
        scores: [R, K] probabilities or margins.
        corrections: [R, K, 4]; None: windows stay as they are.
        sides: height and width of the image, whole numbers [].
        config: gives thresholds and the number of boxes kept.

    Returns:
        Boxes [N, 4], scores [N] and labels [N] int64, best first, equals in the order of their classes.
    """
    label, row = (config.score_threshold <= scores.T).nonzero(as_tuple=True)
    score = scores[row, label]
    boxes = windows[row]
    if corrections is not None:
        boxes = decode_boxes(boxes, corrections[row, label])
    boxes = clip(boxes, sides)
    group = torch.zeros_like(label) if config.class_agnostic_nms else label
    kept = suppressed(boxes, score, group, scores.shape[1], config.nms_iou)
    order = kept[score[kept].sort(descending=True, stable=True).indices]
    among = _place_in_class(label[order], scores.shape[1]) < config.most
    order = order[among.nonzero()[:, 0]]
    return boxes[order], score[order], label[order]


def clip(boxes: Tensor, sides: tuple[Tensor, Tensor]) -> Tensor:
    """Boxes [B, 4] in the image, of at least the one pixel that low = high stands for."""
    height, width = sides
    low, high = boxes.split(2, dim=1)
    last = torch.stack([width, height, width, height]).float() - 1
    return torch.cat([low, high.maximum(low)], dim=1).clamp(min=0).minimum(last)


def suppressed(boxes: Tensor, scores: Tensor, groups: Tensor, count: int, iou: float) -> Tensor:
    """Rows that remain of boxes [B, 4], ascending: suppression group by group, each of `count` moved apart."""
    import torchvision  # noqa: F401  # tells the exporter of the operator

    # Two boxes that nothing suppresses: exporter and runtimes expect some to remain.
    boxes = torch.cat([half_open(boxes), boxes.new_tensor([[0.0, 0.0, 1.0, 1.0]] * 2)])
    scores = torch.cat([scores, scores.new_tensor([_LEAST, _LEAST])])
    groups = torch.cat([groups, groups.new_tensor([count, count + 1])])
    apart = groups.float() * (boxes.flatten().amax(dim=0) + 1)
    kept: Tensor = torch.ops.torchvision.nms(boxes + apart[:, None], scores, _as_float32(iou))
    return kept.sort().values[:-2]


def _as_float32(iou: float) -> float:
    """The greatest number of 32 bits that is not greater: PyTorch compares with 64 bits, runtimes with 32."""
    near = np.float32(iou)
    return float(near if float(near) <= iou else np.nextafter(near, np.float32(-1)))


def _place_in_class(labels: Tensor, classes: int) -> Tensor:
    """How many before each are of its class: [N]."""
    of_class = (labels[:, None] == torch.arange(classes)).to(torch.int64)
    return (of_class.cumsum(0) * of_class).sum(1) - 1
