"""Few windows on a large map: exact, and paid for by the windows, not by the map."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

import spp_ops

LEVELS = (6, (4, 3), 2, 1)
CELLS = spp_ops.Projection.cells()

# Side by side, far apart, across the edges, wider than a tile, higher than one, one cell, outside.
WINDOWS = [
    (0, 0, 0, 40, 30),
    (0, 1200, 250, 1300, 330),
    (0, -20, -20, 15, 9),
    (0, 3, 100, 1390, 112),
    (0, 700, 2, 716, 298),
    (0, 100, 20, 700, 280),
    (0, 1399, 299, 1400, 300),
    (0, 1500, 400, 1600, 500),
]


def large_map(channels: int, dtype: torch.dtype, channels_last: bool) -> Tensor:
    values = torch.randn(1, channels, 300, 1400, generator=torch.Generator().manual_seed(3)).relu()  # zeros tie
    values[0, 0, 105, 1000] = torch.nan
    values[0, 0, 40:60] = -torch.inf
    return values.to(dtype, memory_format=torch.channels_last if channels_last else torch.contiguous_format)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("rows", [slice(0, 2), slice(5, 6), slice(0, 8)])
def test_few_windows_on_a_large_map(dtype: torch.dtype, channels_last: bool, rows: slice, cpu_level: str) -> None:
    features = large_map(5, dtype, channels_last)
    rois = torch.tensor(WINDOWS[rows], dtype=torch.float32)
    expected = spp_ops.reference.roi_spatial_pyramid_pool(features, rois, LEVELS, CELLS)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, LEVELS, CELLS)
    torch.testing.assert_close(pooled, expected, rtol=0, atol=0, equal_nan=True)
    assert spp_ops.build_info()["cpu_level"] == cpu_level


@pytest.mark.parametrize("channels", [1, 17])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_of_few_windows(channels: int, dtype: torch.dtype) -> None:
    rois = torch.tensor([(0, 0, 0, 12, 9), (0, 380, 40, 421, 60), (0, -5, -5, 4, 9)], dtype=torch.float32)
    features = large_map(channels, dtype, False)[..., 90:150, 100:520].nan_to_num(0.5).requires_grad_()
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, LEVELS, CELLS)
    inflow = torch.arange(pooled.numel(), dtype=dtype).remainder(13).view_as(pooled)
    (found,) = torch.autograd.grad(pooled, features, inflow)
    reference = spp_ops.reference.roi_spatial_pyramid_pool(features, rois, LEVELS, CELLS)
    (expected,) = torch.autograd.grad(reference, features, inflow)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)  # small whole numbers: sums are exact


PEAK = """
import resource, sys, torch, spp_ops
shape, count, size = (1, 3, 2000, 3000), int(sys.argv[1]), int(sys.argv[2])
features = torch.zeros(shape)
generator = torch.Generator().manual_seed(0)
corners = torch.rand(count, 2, generator=generator) * torch.tensor([3000.0 - size, 2000 - size])
rois = torch.cat([torch.zeros(count, 1), corners, corners + size], 1).floor()
torch.set_num_threads(4)
spp_ops.roi_spatial_pyramid_pool(features[..., :99, :99], rois[:1] * 0, (2, 1), spp_ops.Projection.cells())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
spp_ops.roi_spatial_pyramid_pool(features, rois, (6, 3, 2, 1), spp_ops.Projection.cells())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(("count", "size"), [(1, 50), (20, 200), (2, 1900), (500, 60)])
def test_memory_does_not_grow_with_the_map(count: int, size: int) -> None:
    run = [sys.executable, "-c", PEAK, str(count), str(size)]
    kilobytes = int(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    assert kilobytes < 64 * 1024  # the map packed once would be 384 MB
