"""`torch.fx` traces networks that hold the functions and modules: feature extractors and quantization stand on it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from agreement import assert_same
from torch import Tensor, nn
from torch.fx import symbolic_trace
from torchvision.models.feature_extraction import create_feature_extractor

import spp_ops
from spp_ops import Projection
from spp_ops.models import zf5
from spp_ops.nn import RoISpatialPyramidPool, SpatialPyramidPool2d

ROIS = torch.tensor([[0, 0, 0, 8, 8.0], [1, 3, 3, 30, 20]])


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 1, 9, 12, generator=torch.Generator().manual_seed(0))


def test_whole_maps_are_one_node(images: Tensor) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), SpatialPyramidPool2d((2, 1)), nn.Linear(20, 2))
    traced = symbolic_trace(net)
    targets = [node.target for node in traced.graph.nodes if node.op == "call_function"]
    assert targets == [spp_ops.spatial_pyramid_pool]
    assert_same(pickle.loads(pickle.dumps(traced))(images), net(images))


@pytest.mark.parametrize("projection", [0.25, Projection.floor_ceil(4), Projection.cells()], ids=str)
def test_regions_with_every_kind_of_projection(images: Tensor, projection: Any) -> None:
    pool = RoISpatialPyramidPool((2, (1, 2)), projection)
    assert_same(symbolic_trace(pool)(images, ROIS), pool(images, ROIS))


def test_functions_wherever_they_are_called_from(images: Tensor) -> None:
    def pool(features: Tensor, rois: Tensor) -> Tensor:
        pooled = spp_ops.roi_spatial_pyramid_pool([features, 2 * features], rois, (2, 1), 0.25)
        return spp_ops.split_levels(pooled, (2, 1), 1)[1]

    assert_same(symbolic_trace(pool)(images, ROIS), pool(images, ROIS))


@pytest.mark.parametrize("levels", [(3, 1), None])
def test_networks_of_the_paper(levels: tuple[int, ...] | None) -> None:
    net = zf5(num_classes=3, levels=levels).eval()
    images = torch.randn(1, 3, 224, 224)
    assert_same(symbolic_trace(net)(images), net(images))
    features = create_feature_extractor(net, ["head.fc6"])(images)
    assert features["head.fc6"].shape == (1, 4096)


def test_tensors_of_other_kinds_may_take_the_call(images: Tensor) -> None:
    class Counted(Tensor):
        calls: list[Any] = []  # noqa: RUF012

        @classmethod
        def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            cls.calls.append(function)
            return super().__torch_function__(function, types, args, kwargs or {})  # type: ignore[no-untyped-call]

    pooled = spp_ops.roi_spatial_pyramid_pool(images.as_subclass(Counted), ROIS, (2, 1), 0.25)
    assert Counted.calls[0] is spp_ops.roi_spatial_pyramid_pool
    assert isinstance(pooled, Counted)
