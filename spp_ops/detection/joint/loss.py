"""The joint loss: which class a window shows, and where its object is (Fast R-CNN, section 2.3)."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Losses(NamedTuple):
    """Both parts, sums over windows."""

    classes: Tensor
    boxes: Tensor


def detection_losses(
    scores: Tensor, corrections: Tensor | None, labels: Tensor, targets: Tensor, beta: float = 1.0
) -> Losses:
    """Cross-entropy over all windows; smooth L1 over those that show an object, on the corrections of its class.

    Args:
        scores: [R, K + 1] logits, the background's first.
        corrections: [R, K, 4]; None: windows stay as they are.
        labels: int64 [R], 0 for the background.
        targets: [R, 4] in the units of `corrections`.
        beta: error from which the loss is linear.
    """
    classes = F.cross_entropy(scores, labels, reduction="sum")
    if corrections is None:
        return Losses(classes, scores.new_zeros(()))
    rows = labels.nonzero()[:, 0]
    own = corrections[rows, labels[rows] - 1]
    return Losses(classes, F.smooth_l1_loss(own, targets[rows], reduction="sum", beta=beta))
