"""The other public functions with an argument spoilt: each is refused by one clear line, or was harmless."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import spp_ops
from fuzz.spoilt import anything, check_refusal, spoil_tensor
from spp_ops import Projection, ReceptiveField

MAP = torch.arange(2 * 3 * 8 * 9.0).reshape(2, 3, 8, 9)
ROIS = torch.tensor([[0.0, 0, 0, 4, 4], [1, 2, 2, 7, 7]])
FIELD = ReceptiveField(size=5, stride=2, center=0.5)

CALLS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (spp_ops.check_rois, {"features": MAP, "rois": ROIS, "map_index": None}),
    (spp_ops.spatial_pyramid_pool, {"features": MAP, "levels": (3, 2)}),
    (spp_ops.split_levels, {"pooled": torch.zeros(2, 39), "levels": (3, 2), "channels": 3}),
    (spp_ops.receptive_field, {"module": nn.Conv2d(3, 4, 3)}),
    (spp_ops.nn.SpatialPyramidPool2d, {"levels": (3, 2)}),
    (spp_ops.nn.RoISpatialPyramidPool, {"levels": (3, 2), "projection": 1.0, "target_area": 9.0}),
    (Projection.rounded, {"spatial_scale": 0.5}),
    (Projection.floor_ceil, {"stride": 2, "image_scale": (1.0, 2.0)}),
    (Projection.receptive_field, {"receptive_field": FIELD, "image_scale": 1.0, "inset": 6.5}),
    (ReceptiveField, {"size": 5, "stride": 2, "center": 0.5}),
]


def check_other_calls(rng: random.Random) -> None:
    """One call of each function, one of its arguments spoilt."""
    for function, good in CALLS:
        name = rng.choice(list(good))
        value = good[name]
        if isinstance(value, torch.Tensor) and rng.random() < 0.5:
            value = spoil_tensor(value, rng)
        elif isinstance(value, tuple) and rng.random() < 0.5:
            value = (*value[1:], anything(rng))
        else:
            value = anything(rng)
        try:
            function(**{**good, name: value})
        except (TypeError, ValueError) as error:
            check_refusal(error, tuple(good))
