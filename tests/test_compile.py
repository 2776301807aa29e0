"""`torch.compile` takes the functions whole, with any sizes, and gives what eager mode gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from agreement import assert_same
from strategies import DTYPES
from test_forward import random_rois
from torch import Tensor, nn

import spp_ops
from spp_ops import Projection
from spp_ops.nn import SpatialPyramidPool2d

BACKENDS = ["aot_eager", "inductor"]
PROJECTIONS: list[Any] = [0.25, Projection.cells(), Projection.floor_ceil(4)]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def boxes(count: int, images: int, height: int, width: int, device: torch.device) -> Tensor:
    return random_rois(count, images, 4 * width, 4 * height, torch.Generator().manual_seed(count)).to(device)


def compiled(function: Any, backend: str, **options: Any) -> Any:
    return torch.compile(function, fullgraph=True, backend=backend, **options)


def sizes() -> Iterator[tuple[int, int, int, int]]:
    """Images, height, width, windows."""
    yield from [(2, 11, 9, 7), (3, 12, 20, 40), (4, 30, 5, 3), (5, 40, 41, 300)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("projection", "dtype"),
    [*((rule, torch.float32) for rule in PROJECTIONS), *((0.25, dtype) for dtype in DTYPES[1:])],
)
def test_regions_of_any_size_compile_once(
    projection: Any, dtype: torch.dtype, backend: str, device: torch.device
) -> None:
    def pool(features: Tensor, rois: Tensor) -> Tensor:
        return spp_ops.roi_spatial_pyramid_pool(features * 2, rois, (3, 2, 1), projection) + 1

    fast = compiled(pool, backend, dynamic=True)
    stance = "default"
    for images, height, width, rows in sizes():
        features = torch.randn(images, 4, height, width, device=device).to(dtype)
        rois = boxes(rows, images, height, width, device)
        with torch.compiler.set_stance(stance):
            assert_same(fast(features, rois), pool(features, rois))
        stance = "fail_on_recompile"


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_of_several_maps(backend: str, device: torch.device) -> None:
    def loss(maps: list[Tensor], rois: Tensor) -> Tensor:
        pooled = spp_ops.roi_spatial_pyramid_pool([2 * m for m in maps], rois, (3, 1), [0.25, 0.5], target_area=400.0)
        return pooled.square().sum()

    fast = compiled(loss, backend, dynamic=True)
    for images, height, width, rows in sizes():
        shape = (images, 4, height, width)
        maps = [torch.randn(shape, device=device), torch.randn(images, 4, 2 * height, 2 * width, device=device)]
        leaves = [each.requires_grad_() for each in maps]
        rois = boxes(rows, images, height, width, device)
        gradients = [torch.autograd.grad(function(leaves, rois), leaves) for function in (fast, loss)]
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("backend", BACKENDS)
def test_whole_maps_in_a_network(backend: str, device: torch.device) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), SpatialPyramidPool2d((2, 1)), nn.Linear(20, 2)).to(device)
    fast = compiled(net, backend, dynamic=True)
    for images, height, width, _ in sizes():
        inputs = torch.randn(images, 1, height, width, device=device)
        gradients = [torch.autograd.grad(each(inputs).square().sum(), list(net.parameters())) for each in (fast, net)]
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("backend", BACKENDS)
def test_lists_of_boxes_and_chosen_maps(backend: str, device: torch.device) -> None:
    def pool(maps: list[Tensor], rois: list[Tensor], map_index: Tensor) -> Tensor:
        pooled = spp_ops.roi_spatial_pyramid_pool(maps, rois, ((2, 1), 1), 0.25, map_index=map_index)
        return torch.cat([level.flatten(1) + 1 for level in spp_ops.split_levels(pooled, ((2, 1), 1), 3)], dim=1)

    maps = [torch.randn(2, 3, 9, 8, device=device), torch.randn(2, 3, 7, 12, device=device)]
    rois = [boxes(rows, 1, 7, 8, device)[:, 1:] for rows in (3, 5)]
    map_index = torch.arange(8, device=device) % 2
    assert_same(compiled(pool, backend)(maps, rois, map_index), pool(maps, rois, map_index))


@pytest.mark.parametrize("backend", BACKENDS)
def test_out(backend: str, device: torch.device) -> None:
    def pool(features: Tensor, rois: Tensor, out: Tensor) -> Tensor:
        out.fill_(7)
        spp_ops.roi_spatial_pyramid_pool(features, rois, (2, 1), 0.25, out=out[:, 1:])
        return out * 2

    features, rois = torch.randn(2, 3, 9, 8, device=device), boxes(5, 2, 9, 8, device)
    outs = [torch.zeros(5, 16, device=device) for _ in range(2)]
    assert_same(compiled(pool, backend)(features, rois, outs[0]), pool(features, rois, outs[1]))
    assert_same(*outs)


def test_bad_arguments_are_refused_while_compiling() -> None:
    pool = compiled(spp_ops.roi_spatial_pyramid_pool, "aot_eager")
    with pytest.raises(Exception, match=r"rois: expected \[R, 5\]"):
        pool(torch.randn(1, 3, 8, 8), torch.zeros(3, 4))
