"""What the stages learnt, as one head: everything linear goes into its layers' weights."""

from __future__ import annotations

import torch
from torch import Tensor

from spp_ops.detection.detectors.network import RegionHead
from spp_ops.detection.staged.box_regression import Corrections
from spp_ops.detection.staged.mining import Planes


@torch.no_grad()
def fold(
    head: RegionHead, row_scale: Tensor, trunk: dict[str, Tensor], planes: Planes, corrections: Corrections | None
) -> None:
    """Fill a head for margins.

    Args:
        head: of `score` "margin", its `trunk` what the SVMs' rows come out of, its `box_input` "rows" or None.
        row_scale: what the trunk wants its rows multiplied by.
        trunk: its tensors; none where the SVMs take pooled rows.
        planes: of the trunk's output, or of the pooled rows as they are.
        corrections: from the pooled rows as they are; None: windows stay as they are.
    """
    assert head.score_kind == "margin"
    assert (head.box is None) == (corrections is None)
    head.row_scale.copy_(row_scale)
    head.trunk.load_state_dict(trunk)
    below = 1.0 if trunk else float(row_scale)  # what a plane's rows are multiplied by before they reach its layer
    head.score.weight.copy_(planes.weight.double() * (planes.scale / below))
    head.score.bias.copy_(planes.bias)
    if head.box is not None and corrections is not None:
        std = head.box_std.double().cpu()
        head.box.weight.copy_((corrections.weight.double() / (std[:, None] * float(row_scale))).flatten(0, 1))
        head.box.bias.copy_((corrections.bias.double() / std).flatten())
    head.eval()
