"""The network of a detector: convolutions, and on the pooled row of each window a score and a box for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from spp_ops._core.checks import Levels, level_pairs
from spp_ops.detection.detectors.proposer import ProposerConfig, RegionProposer
from spp_ops.detection.features.low_rank import LowRankLinear
from spp_ops.models import SPPNet
from spp_ops.models.spp_net import fully_connected

ScoreKind: TypeAlias = Literal["softmax", "margin"]
BoxInput: TypeAlias = Literal["rows", "trunk"]

BOX_STD = (0.1, 0.1, 0.2, 0.2)  # of the corrections of typical windows (Fast R-CNN): the scale they are learnt at


class RegionHead(nn.Module):
    """Pooled rows [R, D] -> scores and box corrections for K classes.

    Attributes:
        trunk: fc6, relu6, drop6, fc7, ...; empty where scores are taken from the rows themselves.
        score: "softmax": K + 1 numbers, the first one for the background. "margin": K numbers, one linear SVM each.
        box: 4 numbers a class, in units of `box_std`; None where windows stay as they are.
        row_scale: what rows are multiplied by first, so that a layer's learning rate need not follow from the size of a
            backbone's features.

    Args:
        features: D.
        num_classes: K, without the background.
        hidden: widths of the layers of `trunk`.
        dropout: probability of a zero after each of them.
        score: what the scores are.
        box_input: what boxes are corrected from: the pooled rows (paper, section 4.1) or the trunk's output (Fast
            R-CNN); None: not at all.
        ranks: of the layers of `trunk` that are two smaller ones; None for one that is whole, and () if all are.
    """

    row_scale: Tensor
    box_std: Tensor

    def __init__(
        self,
        features: int,
        num_classes: int,
        hidden: Sequence[int] = (4096, 4096),
        *,
        dropout: float = 0.5,
        score: ScoreKind = "softmax",
        box_input: BoxInput | None = "trunk",
        ranks: Sequence[int | None] = (),
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes: expected at least 1, got {num_classes}")
        if len(ranks) not in (0, len(hidden)):
            raise ValueError(f"ranks: expected one for each of {len(hidden)} hidden layers, got {len(ranks)}")
        self.trunk = fully_connected(features, hidden, 1, dropout)[:-1]
        sizes = zip([features, *hidden], hidden, strict=False)
        for name, rank, (inputs, outputs) in zip(hidden_layers(self.trunk), ranks, sizes, strict=False):
            if rank is not None:
                setattr(self.trunk, name, LowRankLinear(inputs, outputs, rank))
        above = hidden[-1] if hidden else features
        self.features = features
        self.num_classes = num_classes
        self.score_kind = score
        self.box_input = box_input
        self.score = nn.Linear(above, num_classes + (score == "softmax"))
        self.box = None if box_input is None else nn.Linear(features if box_input == "rows" else above, 4 * num_classes)
        self.register_buffer("row_scale", torch.ones(()))
        self.register_buffer("box_std", torch.tensor(BOX_STD))
        for layer, deviation in ((self.score, 0.01), (self.box, 0.001)):
            if layer is not None:
                nn.init.normal_(layer.weight, std=deviation)
                nn.init.zeros_(layer.bias)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """[R, D] -> logits or margins [R, K + 1 or K], and corrections [R, K, 4] in units of `box_std`."""
        rows = rows * self.row_scale
        above = self.trunk(rows)
        corrections = None
        if self.box is not None:
            corrections = self.box(rows if self.box_input == "rows" else above).unflatten(1, (self.num_classes, 4))
        return self.score(above), corrections

    def predict(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """[R, D] -> probabilities or margins of the K classes [R, K], and corrections [R, K, 4] to be decoded."""
        scores, corrections = self(rows)
        if self.score_kind == "softmax":
            scores = scores.float().softmax(dim=1)[:, 1:]
        return scores, None if corrections is None else corrections * self.box_std


def hidden_layers(trunk: nn.Sequential) -> list[str]:
    """Names of the fully connected layers of a head's trunk, from the rows on: fc6, fc7, ..."""
    return [name for name, layer in trunk.named_children() if isinstance(layer, nn.Linear | LowRankLinear)]


class RegionNet(nn.Module):
    """A backbone and the head of its windows.

    Attributes:
        backbone: convolution stack.
        head: of the windows' pooled rows.
        proposer: finds windows on the backbone's maps; None: they come from elsewhere.
        levels: the pyramid.
        normalization: how the backbone wants its pixels.

    Args:
        net: gives backbone, pyramid and normalization; its head is not used.
        head: as above; a `RegionHead` of `net.pooled_features` numbers a row.
        proposer: how windows are proposed; None: not at all.

    Raises:
        ValueError: `net` has no pyramid, or gives rows of another length than the head takes.
    """

    def __init__(self, net: SPPNet, head: RegionHead, proposer: ProposerConfig | None = None) -> None:
        super().__init__()
        if net.levels is None:
            raise ValueError("net: expected one with a pyramid, got one without")
        if head.features != net.pooled_features:
            raise ValueError(f"head: expected one of {net.pooled_features} features, as net pools, got {head.features}")
        self.backbone = net.backbone
        self.levels: Levels = net.levels
        self.normalization = net.normalization
        self.head = head
        channels = net.pooled_features // sum(rows * columns for rows, columns in level_pairs(net.levels))
        self.proposer = None if proposer is None else RegionProposer(channels, proposer)
