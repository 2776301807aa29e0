"""The modules do what the functions do, and behave as modules should."""

from __future__ import annotations

import pytest
import torch
from agreement import assert_same
from torch import nn

import spp_ops
from spp_ops import Projection
from spp_ops.nn import RoISpatialPyramidPool, SpatialPyramidPool2d

ROIS = torch.tensor([[0.0, 1, 2, 12, 9], [1, 0, 0, 5, 5]])


def test_whole_maps() -> None:
    features = torch.randn(2, 3, 13, 10)
    assert_same(SpatialPyramidPool2d((4, 2, 1))(features), spp_ops.spatial_pyramid_pool(features, (4, 2, 1)))
    assert SpatialPyramidPool2d()(features).shape == (2, 3 * 50)


def test_regions() -> None:
    features = torch.randn(2, 3, 13, 10)
    pool = RoISpatialPyramidPool((3, (1, 2)), projection=0.5)
    assert_same(pool(features, ROIS), spp_ops.roi_spatial_pyramid_pool(features, ROIS, (3, (1, 2)), 0.5))


def test_regions_of_several_maps() -> None:
    maps = [torch.randn(2, 3, 13, 10), torch.randn(2, 3, 26, 20)]
    pool = RoISpatialPyramidPool((2, 1), (0.5, 1.0), target_area=30.0)
    for map_index in (None, torch.tensor([1, 0])):
        expected = spp_ops.roi_spatial_pyramid_pool(
            maps, ROIS, (2, 1), (0.5, 1.0), map_index=map_index, target_area=30.0
        )
        assert_same(pool(maps, ROIS, map_index), expected)


def test_gradient_flows_through_a_sequential() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), SpatialPyramidPool2d((2, 1)), nn.Linear(4 * 5, 2))
    for size in (9, 14):
        assert net(torch.randn(2, 1, size, size)).shape == (2, 2)
    net(torch.randn(2, 1, 9, 9)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (SpatialPyramidPool2d((6, 3)), "SpatialPyramidPool2d(levels=(6, 3))"),
        (SpatialPyramidPool2d([(2, 3), 1]), "SpatialPyramidPool2d(levels=((2, 3), 1))"),
        (
            RoISpatialPyramidPool((2, 1), Projection.rounded(0.0625)),
            "RoISpatialPyramidPool(levels=(2, 1), projection=Projection.rounded(0.0625))",
        ),
    ],
)
def test_repr(module: nn.Module, text: str) -> None:
    assert repr(module) == text


@pytest.mark.parametrize("levels", [(), (0,), (2, -1), ((1, 2, 3),), 2.5, "6"])
def test_bad_levels_are_refused_at_once(levels: object) -> None:
    with pytest.raises((TypeError, ValueError), match="levels"):
        SpatialPyramidPool2d(levels)  # type: ignore[arg-type]
