"""What a detector learns from: which class a window shows, and where its object is (Fast R-CNN, section 2.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Losses(NamedTuple):
    """Both parts: of each window [R], or sums over windows."""

    classes: Tensor
    boxes: Tensor


def window_losses(
    scores: Tensor, corrections: Tensor | None, labels: Tensor, targets: Tensor, beta: float = 1.0
) -> Losses:
    """Cross-entropy of each window; smooth L1, for those that show an object, of the corrections of its class.

    Args:
        scores: [R, K + 1] logits, the background's first.
        corrections: [R, K, 4]; None: windows stay as they are.
        labels: int64 [R], 0 for the background.
        targets: [R, 4] in the units of `corrections`.
        beta: error from which the loss is linear.
    """
    classes = F.cross_entropy(scores, labels, reduction="none")
    if corrections is None:
        return Losses(classes, torch.zeros_like(classes))
    rows = labels.nonzero()[:, 0]
    own = corrections[rows, labels[rows] - 1]
    errors = F.smooth_l1_loss(own, targets[rows], reduction="none", beta=beta).sum(dim=1)
    return Losses(classes, torch.zeros_like(classes).index_copy(0, rows, errors))


def hardest(total: Tensor, counts: Sequence[int], share: float) -> Tensor:
    """Rows of the windows that count: of each image those with the largest loss.

    Args:
        total: [R], the windows' losses, image by image.
        counts: windows of each image.
        share: of an image's windows that count, rounded up.
    """
    parts = total.detach().split(list(counts))
    chosen = [part.topk(math.ceil(len(part) * share)).indices for part in parts]
    firsts = [sum(counts[:image]) for image in range(len(counts))]
    return torch.cat([rows + first for rows, first in zip(chosen, firsts, strict=True)])


def counted(losses: Losses, counts: Sequence[int], share: float, box_weight: float = 1.0) -> Losses:
    """Of windows [R] those that count: of each image this share, those whose losses are largest together."""
    if share == 1:
        return losses
    rows = hardest(losses.classes + box_weight * losses.boxes, counts, share)
    return Losses(losses.classes[rows], losses.boxes[rows])
