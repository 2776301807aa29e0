"""torchvision's interfaces: equal results, in its own detectors too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import torch
import torchvision
from agreement import assert_same
from torch import Tensor, nn
from torchvision.ops import MultiScaleRoIAlign, poolers

from spp_ops import compat

IMAGES = torch.rand(2, 3, 128, 160, generator=torch.Generator().manual_seed(0))


def boxes(count: int, width: int = 160, height: int = 128, seed: int = 1) -> Tensor:
    """[R, 4] of all sizes, some beyond the image."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=generator) * torch.tensor([width, height]) - 5
    extent = torch.rand(count, 2, generator=generator) ** 3 * torch.tensor([width, height])
    return torch.cat([low, low + extent], dim=1)


@pytest.mark.parametrize("size", [1, 7, (2, 5), [3, 4]])
@pytest.mark.parametrize("scale", [1.0, 1 / 16, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_roi_pool_and_its_gradient(size: Any, scale: float, dtype: torch.dtype) -> None:
    features = torch.randn(2, 5, 23, 31, dtype=dtype)
    corners = boxes(40, 31 / scale, 23 / scale).to(dtype)
    rois = torch.cat([torch.arange(40)[:, None] % 2, corners], dim=1).to(dtype)
    lists = [corners[:25], corners[25:]]
    for given in (rois, lists):
        ours, theirs = features.clone().requires_grad_(), features.clone().requires_grad_()
        pooled = compat.roi_pool(ours, given, size, spatial_scale=scale)
        expected = torchvision.ops.roi_pool(theirs, given, size, spatial_scale=scale)
        assert_same(pooled, expected)
        weights = torch.randn_like(pooled)
        (pooled * weights).sum().backward()
        (expected * weights).sum().backward()
        torch.testing.assert_close(ours.grad, theirs.grad)
        module, peer = compat.RoIPool(size, scale), torchvision.ops.RoIPool(size, scale)
        assert_same(module(features, given), peer(features, given))
        assert repr(module) == repr(peer)


def test_no_boxes_and_bad_ones() -> None:
    features = torch.randn(1, 4, 8, 8)
    assert compat.roi_pool(features, torch.zeros(0, 5), 3).shape == (0, 4, 3, 3)
    assert compat.roi_pool(torch.randn(1, 0, 8, 8), torch.zeros(2, 5), 3).shape == (2, 0, 3, 3)
    with pytest.raises(ValueError, match=r"rois: .*row 0"):
        compat.roi_pool(features, torch.tensor([[1.0, 0, 0, 4, 4]]), 3)
    for size, error in (
        ((3,), ValueError),
        (0, ValueError),
        (2.0, TypeError),
        ((2.0, 3), TypeError),
        (True, TypeError),
    ):
        with pytest.raises(error, match="output_size: expected"):
            compat.roi_pool(features, torch.zeros(1, 5), size)  # type: ignore[arg-type]


def test_one_graph_of_a_compiler() -> None:
    features, rois = torch.randn(1, 4, 8, 8), torch.tensor([[0.0, 0, 1, 5, 6]])
    compiled = torch.compile(compat.RoIPool(3, 0.5), fullgraph=True, backend="aot_eager")
    assert_same(compiled(features, rois), torchvision.ops.roi_pool(features, rois, 3, 0.5))


@contextmanager
def maxima_for_means() -> Iterator[None]:
    """Within it, torchvision's MultiScaleRoIAlign pools with torchvision's roi_pool."""

    def roi_pool(features: Tensor, rois: Tensor, output_size: Any, spatial_scale: float, sampling_ratio: int) -> Tensor:
        return torchvision.ops.roi_pool(features, rois, output_size, spatial_scale)

    with mock.patch.object(poolers, "roi_align", roi_pool):
        yield


def pyramid(levels: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(levels)
    maps = {str(k): torch.randn(2, 4, 128 >> (k + 2), 160 >> (k + 2), generator=generator) for k in range(levels)}
    return {**maps, "pool": torch.randn(2, 4, 3, 3)}


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize("canonical", [{}, {"canonical_scale": 40, "canonical_level": 3}])
def test_each_box_has_the_map_and_the_numbers_that_torchvision_gives_it(levels: int, canonical: dict[str, int]) -> None:
    names, shapes = [str(k) for k in range(levels)], [(128, 150), (120, 160)]
    ours = compat.MultiScaleRoIPool(names, 7, 2, **canonical)
    theirs = MultiScaleRoIAlign(names, 7, 2, **canonical)
    given = [boxes(60), boxes(30, seed=2)]
    with maxima_for_means():
        expected = theirs(pyramid(levels), given, shapes)
    assert_same(ours(pyramid(levels), given, shapes), expected)
    assert ours.scales == theirs.scales


def test_the_maps_of_a_pyramid_are_one_graph() -> None:
    arguments = (pyramid(2), [boxes(20), boxes(3)], [(128, 160)] * 2)
    compiled = torch.compile(compat.MultiScaleRoIPool(["0", "1"], 7), fullgraph=True, backend="aot_eager")
    assert_same(compiled(*arguments), compat.MultiScaleRoIPool(["0", "1"], 7)(*arguments))


def test_names_and_shapes_are_checked() -> None:
    pool = compat.MultiScaleRoIPool(["a"], 7)
    with pytest.raises(ValueError, match="x: expected maps named a, got 0, 1, pool"):
        pool(pyramid(2), [boxes(2), boxes(2)], [(128, 160)] * 2)
    with pytest.raises(ValueError, match="image_shapes: expected one for each image, got none"):
        compat.MultiScaleRoIPool(["0"], 7)(pyramid(2), [], [])


def detector(pool: MultiScaleRoIAlign) -> nn.Module:
    """torchvision's Faster R-CNN over a small pyramid, with random weights."""
    torch.manual_seed(0)

    class Pyramid(nn.Module):
        out_channels = 8

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 8, 8, stride=8)
            self.second = nn.Conv2d(8, 8, 2, stride=2)

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            fine = self.first(images)
            return {"0": fine, "1": self.second(fine)}

    anchors = torchvision.models.detection.rpn.AnchorGenerator(((16, 32), (64, 96)), ((0.5, 1.0, 2.0),) * 2)
    model = torchvision.models.detection.FasterRCNN(
        Pyramid(),
        3,
        min_size=128,
        max_size=160,
        rpn_anchor_generator=anchors,
        box_roi_pool=pool,
        box_score_thresh=0.0,
        box_nms_thresh=1.0,
    )
    return model.eval()


def test_faster_rcnn_accepts_it_and_finds_what_torchvisions_roi_pool_finds() -> None:
    ours = detector(compat.MultiScaleRoIPool(["0", "1"], 7))(list(IMAGES))
    with maxima_for_means():
        theirs = detector(MultiScaleRoIAlign(["0", "1"], 7, 2))(list(IMAGES))
    assert sum(len(found["boxes"]) for found in ours) > 20
    for one, other in zip(ours, theirs, strict=True):
        for name in ("boxes", "scores", "labels"):
            assert_same(one[name], other[name])


def test_faster_rcnn_trains_with_it() -> None:
    model = detector(compat.MultiScaleRoIPool(["0", "1"], 7)).train()
    target = {"boxes": torch.tensor([[10.0, 10, 80, 90]]), "labels": torch.tensor([1])}
    losses = model(list(IMAGES), [target, target])
    sum(losses.values()).backward()
    assert model.backbone.first.weight.grad.abs().sum() > 0


def test_modules_are_replaced_anywhere_in_a_model() -> None:
    features, rois = torch.randn(1, 3, 9, 9), torch.tensor([[0.0, 1, 1, 7, 6]])

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.ModuleDict({"pool": torchvision.ops.RoIPool((2, 3), 0.5)})

    net = Net()
    expected = net.head["pool"](features, rois)
    assert compat.replace_roi_pool(net) is net
    assert isinstance(net.head["pool"], compat.RoIPool)
    assert_same(net.head["pool"](features, rois), expected)
    with pytest.raises(ValueError, match="model: expected one with a torchvision RoIPool, got a Net without"):
        compat.replace_roi_pool(net)


def test_align_is_replaced_where_it_is_asked_for() -> None:
    model = detector(MultiScaleRoIAlign(["0", "1"], 7, 2, canonical_scale=100))
    with pytest.raises(ValueError, match="model: expected one with a torchvision RoIPool"):
        compat.replace_roi_pool(model)
    compat.replace_roi_pool(model, align=True)
    expected = detector(compat.MultiScaleRoIPool(["0", "1"], 7, canonical_scale=100))(list(IMAGES))
    for one, other in zip(model(list(IMAGES)), expected, strict=True):
        assert_same(one["boxes"], other["boxes"])
