"""`torch.library.opcheck` on every operator: schemas, autograd registrations, fake tensors, dynamic shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from strategies import DTYPES
from torch import Tensor
from torch.library import opcheck

import spp_ops
from spp_ops import Projection

OPS = torch.ops.spp_ops
LEVELS = [3, 3, 2, 2, 1, 2]
BINS = 15
TESTS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


@pytest.fixture(params=DTYPES, ids=str)
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    dtype: torch.dtype = request.param
    return dtype


@pytest.fixture(params=[1, 3], ids=["one map", "three maps"])
def maps(request: pytest.FixtureRequest, dtype: torch.dtype, device: torch.device) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(9, 11), (5, 6), (2, 33_000)][: request.param]  # the last has indices of 32 bits
    return [torch.randn(2, 4, *size, generator=generator).to(device, dtype) for size in sizes]


def pool_arguments(maps: list[Tensor], map_index: bool, rois_dtype: torch.dtype = torch.float32) -> tuple[Any, ...]:
    device = maps[0].device
    rois = torch.tensor([[0.0, 1, 2, 8, 7], [1, 0, 0, 20, 20], [1, 9, 9, 2, 3]], device=device, dtype=rois_dtype)
    chosen = torch.arange(3, device=device) % len(maps) if map_index else None
    projections = Projection.rounded(0.5).numbers() * len(maps)
    return maps, rois, chosen, LEVELS, projections, 50.0


def picks(maps: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """A pooled tensor, and the indices and sources that go with it."""
    output, indices, sources = OPS.roi_spatial_pyramid_pool_with_indices(*pool_arguments(maps, map_index=False))
    return output, indices, sources


@pytest.mark.parametrize(("map_index", "rois_dtype"), [(False, torch.float32), (True, torch.float64)])
@pytest.mark.parametrize("name", ["roi_spatial_pyramid_pool", "roi_spatial_pyramid_pool_with_indices"])
def test_pool(name: str, maps: list[Tensor], map_index: bool, rois_dtype: torch.dtype) -> None:
    leaves = [each.requires_grad_() for each in maps]
    opcheck(getattr(OPS, name).default, pool_arguments(leaves, map_index, rois_dtype), test_utils=TESTS)


def test_pool_without_gradients(maps: list[Tensor]) -> None:
    for operator in (OPS.roi_spatial_pyramid_pool, OPS.roi_spatial_pyramid_pool_inference):
        opcheck(operator.default, pool_arguments(maps, map_index=False), test_utils=TESTS)


def test_pool_out(maps: list[Tensor]) -> None:
    out = maps[0].new_empty(3, 4 * BINS)
    opcheck(OPS.roi_spatial_pyramid_pool_out.default, (*pool_arguments(maps, True), out), test_utils=TESTS)


@pytest.mark.parametrize("channels_last", [0, 1])
def test_backward(maps: list[Tensor], channels_last: int) -> None:
    output, indices, sources = picks(maps)
    shape = [2, 4, *(size for each in maps for size in each.shape[2:])]
    weights = torch.ones_like(output).requires_grad_()
    arguments = (weights, indices, sources, LEVELS, shape, [channels_last] * len(maps), True)
    opcheck(OPS.roi_spatial_pyramid_pool_backward.default, arguments, test_utils=TESTS)


def test_backward_and_gather_of_flat_maps(maps: list[Tensor]) -> None:
    output, indices, sources = picks(maps)
    shape = [2, 4, *(size for each in maps for size in each.shape[2:])]
    weights = torch.ones_like(output).requires_grad_()
    arguments = (weights, indices, sources, LEVELS, shape, True)
    opcheck(OPS.roi_spatial_pyramid_pool_backward_flat.default, arguments, test_utils=TESTS)
    flat = torch.cat([each.flatten() for each in maps]).requires_grad_()
    arguments = (flat, indices, sources, LEVELS, shape)
    opcheck(OPS.roi_spatial_pyramid_pool_gather_flat.default, arguments, test_utils=TESTS)


def test_gather(maps: list[Tensor]) -> None:
    _, indices, sources = picks(maps)
    leaves = [each.requires_grad_() for each in maps]
    opcheck(OPS.roi_spatial_pyramid_pool_gather.default, (leaves, indices, sources, LEVELS), test_utils=TESTS)


def test_check_rois() -> None:
    rois = torch.tensor([[0.0, 1, 2, 8, 7]])
    opcheck(OPS.check_rois.default, (rois, None, 1, 1), test_utils=TESTS)


def test_empty_output() -> None:
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")  # what it holds differs from call to call
    opcheck(OPS.empty_output.default, (torch.zeros(1, 3, 4, 5), 2, 42), test_utils=tests)


def test_every_operator_is_checked_here() -> None:
    """A new operator needs a test of its own above."""
    registered = {name for name in torch._C._dispatch_get_all_op_names() if name.startswith("spp_ops::")}
    checked = {"", "_inference", "_out", "_with_indices", "_backward", "_backward_flat", "_gather", "_gather_flat"}
    without_tensors = {"build_info", "set_cpu_level", "set_cpu_reading"}
    without_tensors |= {"cuda_build_info"} if spp_ops.build_info()["cuda"] else set()
    elsewhere = {"selective_search"}  # tests/detection/test_proposals.py
    known = (
        elsewhere
        | {f"roi_spatial_pyramid_pool{each}" for each in checked}
        | without_tensors
        | {"check_rois", "empty_output"}
    )
    assert registered == {f"spp_ops::{each}" for each in known}
    assert spp_ops.build_info()
