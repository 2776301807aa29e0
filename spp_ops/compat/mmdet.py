"""mmdet's ``SingleRoIExtractor`` with a layer of type ``RoIPool``.

To name it in configurations: ``MODELS.register_module(name="SPPRoIExtractor", module=SingleRoIExtractor)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spp_ops.compat.assigned import assigned_maps, pool_assigned
from spp_ops.compat.roi_pool import RoIPool, grid


class BaseRoIExtractor(nn.Module, ABC):
    """What mmdet's heads ask of an extractor: ``num_inputs``, ``out_channels``, ``featmap_strides``, ``roi_layers``.

    Interface of ``mmdet.models.roi_heads.roi_extractors.BaseRoIExtractor``; mmdet itself is not needed.

    Args:
        roi_layer: ``{"type": "RoIPool", "output_size": ...}``.
        out_channels: C of the maps.
        featmap_strides: pixels from cell to cell, of each map.
        init_cfg: not used: there are no weights.

    Raises:
        ValueError: the layer is of another type.
    """

    def __init__(
        self,
        roi_layer: Mapping[str, Any],
        out_channels: int,
        featmap_strides: Sequence[int],
        init_cfg: Any = None,
    ) -> None:
        super().__init__()
        self.roi_layers = self.build_roi_layers(roi_layer, featmap_strides)
        self.out_channels = out_channels
        self.featmap_strides = list(featmap_strides)

    @property
    def num_inputs(self) -> int:
        """How many maps are pooled from."""
        return len(self.featmap_strides)

    def build_roi_layers(self, layer_cfg: Mapping[str, Any], featmap_strides: Sequence[int]) -> nn.ModuleList:
        """A layer a map."""
        settings = dict(layer_cfg)
        kind = settings.pop("type", None)
        if kind not in ("RoIPool", RoIPool):
            raise ValueError(f"roi_layer: expected type 'RoIPool', got {kind!r}")
        size = grid(settings.pop("output_size"))
        return nn.ModuleList(RoIPool(size, 1 / stride, **settings) for stride in featmap_strides)

    def roi_rescale(self, rois: Tensor, scale_factor: float) -> Tensor:
        """Boxes [R, 5] grown about their centers by this factor."""
        low, high = rois[:, 1:3], rois[:, 3:5]
        center, half = (low + high) / 2, (high - low) * (scale_factor / 2)
        return torch.cat([rois[:, :1], center - half, center + half], dim=1)

    @abstractmethod
    def forward(self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None) -> Tensor:
        """Maps and boxes [R, 5] -> [R, C, rows, columns]."""


class SingleRoIExtractor(BaseRoIExtractor):
    """Max-pool each box from the map that suits its size; one call for all maps.

    mmcv's ``RoIPool`` lays its bins over corners that are not rounded; these are rounded to cells first, as
    torchvision, Caffe and Fast R-CNN do, so numbers differ from mmcv's at the borders of bins.

    Args:
        roi_layer, out_channels, featmap_strides, init_cfg: as for `BaseRoIExtractor`.
        finest_scale: boxes below twice this size (the square root of their area, in pixels) have the first map, below
            four times the second, and so on.
    """

    def __init__(
        self,
        roi_layer: Mapping[str, Any],
        out_channels: int,
        featmap_strides: Sequence[int],
        finest_scale: int = 56,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(roi_layer, out_channels, featmap_strides, init_cfg)
        self.finest_scale = finest_scale

    def map_roi_levels(self, rois: Tensor, num_levels: int) -> Tensor:
        """Boxes [R, 5] -> [R], the map of each, 0 for the first of `num_levels`."""
        sizes = ((rois[:, 3] - rois[:, 1]) * (rois[:, 4] - rois[:, 2])).sqrt()
        return assigned_maps(sizes, num_levels, canonical_size=self.finest_scale, canonical=0, within=1e-6)

    def forward(self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None) -> Tensor:
        """Pool boxes of several images.

        Args:
            feats: maps [N, C, H, W], up to one a stride.
            rois: [R, 5] of (image index, x1, y1, x2, y2) in pixels.
            roi_scale_factor: boxes are grown by this before they are pooled, after their maps are chosen; with one map
                they stay as they are.

        Returns:
            [R, C, rows, columns].

        Raises:
            ValueError: there are more maps than strides, or none.
        """
        if not 1 <= len(feats) <= self.num_inputs:
            raise ValueError(f"feats: expected 1 to {self.num_inputs} maps, got {len(feats)}")
        chosen = None
        if len(feats) > 1:
            chosen = self.map_roi_levels(rois, len(feats))
            if roi_scale_factor is not None:
                rois = self.roi_rescale(rois, roi_scale_factor)
        layers: list[Any] = list(self.roi_layers)[: len(feats)]
        size = grid(layers[0].output_size)
        return pool_assigned(feats, rois, chosen, size, [layer.spatial_scale for layer in layers])
