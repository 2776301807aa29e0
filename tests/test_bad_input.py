"""Bad arguments: a TypeError or ValueError that begins with the argument's name; never a crash or a wrong number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from agreement import assert_same
from bad_arguments import ARGUMENTS, CASES, MAP, POOLS, ROIS, text
from torch import Tensor

import spp_ops


@pytest.mark.parametrize("pool", POOLS, ids=["kernels", "reference"])
@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}-{text(value)}" for name, value in CASES])
def test_argument(name: str, value: object, pool: Callable[..., Tensor]) -> None:
    arguments = {"features": MAP, "rois": ROIS, name: value}
    with pytest.raises((TypeError, ValueError), match=rf"^{name}\b") as error:
        pool(**arguments)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("value", ARGUMENTS["features"], ids=text)
def test_whole_maps(value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^features\b"):
        spp_ops.spatial_pyramid_pool(value)  # type: ignore[arg-type]


def test_whole_maps_are_one_map() -> None:
    with pytest.raises((TypeError, ValueError), match=r"^features\b"):
        spp_ops.spatial_pyramid_pool([MAP, MAP])  # type: ignore[arg-type]


@pytest.mark.parametrize("levels", ARGUMENTS["levels"], ids=text)
def test_levels(levels: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^levels\b"):
        spp_ops.spatial_pyramid_pool(MAP, levels)
    with pytest.raises((TypeError, ValueError), match=r"^levels\b"):
        spp_ops.split_levels(torch.empty(2, 150), levels, 3)


@pytest.mark.parametrize(
    ("pooled", "channels", "name"),
    [
        (torch.empty(2, 149), 3, "pooled"),
        (torch.empty(2, 150), 4, "pooled"),
        (torch.empty(150), 3, "pooled"),
        (torch.empty(1, 2, 150), 3, "pooled"),
        ([1, 2], 3, "pooled"),
        (torch.empty(2, 150).to_sparse(), 3, "pooled"),
        (torch.empty(2, 150), -3, "channels"),
        (torch.empty(2, 150), -(10**5000), "channels"),
        (torch.empty(2, 150), 3.0, "channels"),
    ],
    ids=text,
)
def test_split_levels(pooled: Any, channels: Any, name: str) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{name}\b"):
        spp_ops.split_levels(pooled, (6, 3, 2, 1), channels)


def test_out_gives_no_gradient() -> None:
    features, out = MAP.clone().requires_grad_(), torch.empty(2, 150)
    for pool in POOLS:
        with pytest.raises(ValueError, match=r"^out\b"):
            pool(features, ROIS, out=out)
        with torch.no_grad():
            assert_same(pool(features, ROIS, out=out), pool(MAP, ROIS))
