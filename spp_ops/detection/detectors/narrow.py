"""Convolutions in bfloat16 beside a detector's own, which keep their weights."""

from __future__ import annotations

import copy

import torch

from spp_ops.detection.detectors.head import weights_state
from spp_ops.detection.features.regions import RegionFeatures


class NarrowFeatures:
    """The features of a detector, its convolutions in bfloat16: sums are in float32, maps are rounded to three digits.

    Attributes:
        features: the same but for the backbone, a copy of the given ones'.

    Args:
        features: with a backbone in float32.
    """

    def __init__(self, features: RegionFeatures) -> None:
        self._source = weights_state(features.backbone)
        self.features = copy.copy(features)
        self.features.backbone = copy.deepcopy(features.backbone).to(torch.bfloat16)

    def is_of(self, features: RegionFeatures) -> bool:
        """Whether the backbone's weights are still those that this one was made from."""
        return self._source == weights_state(features.backbone)
