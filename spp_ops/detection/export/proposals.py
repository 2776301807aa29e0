"""Learned windows as operations on tensors alone: `spp_ops.detection.detectors.proposer` in a graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spp_ops.detection.detectors.proposer import RegionProposer
from spp_ops.detection.export.postprocess import clip, suppressed
from spp_ops.receptive_field import ReceptiveField


def proposed_windows(
    proposer: RegionProposer,
    maps: Sequence[Tensor],
    scales: Tensor,
    field: ReceptiveField,
    sides: tuple[Tensor, Tensor],
    limit: int | None,
) -> Tensor:
    """Windows [P, 4] of an image, likeliest first.

    Args:
        proposer: of the maps.
        maps: [1, C, h, w] each.
        scales: of each map's image relative to the original: [maps, 2] across, down.
        field: what a cell sees of a resized image.
        sides: height and width of the image, whole numbers [].
        limit: at most so many windows; None: all that no other suppresses.
    """
    windows, logits = [], []
    for each, scale in zip(maps, scales.unbind(), strict=True):
        found = proposer(each, field)
        # Sorted, as the number of anchors is open: `topk` would need to know that there are enough.
        likely, rows = found.logits.sort(descending=True, stable=True)
        likely, rows = likely[: proposer.config.candidates], rows[: proposer.config.candidates]
        boxes: Tensor = proposer.network.box_coder.decode_single(found.corrections[rows], found.anchors[rows])
        low, high = (boxes / scale.repeat(2)).split(2, dim=1)
        windows.append(clip(torch.cat([low, high - 1], dim=1), sides))
        logits.append(likely)
    candidates, scores = torch.cat(windows), torch.cat(logits)
    kept = suppressed(candidates, scores, torch.zeros_like(scores, dtype=torch.int64), 1, proposer.config.nms_iou)
    return candidates[kept[scores[kept].sort(descending=True, stable=True).indices][:limit]]
