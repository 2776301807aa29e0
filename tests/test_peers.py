"""What other libraries compute, where they define the same thing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from agreement import assert_same, gradients, whole_numbers
from hypothesis import given
from hypothesis import strategies as st
from on_device import on_device
from strategies import Case, cases
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import roi_pool

import spp_ops
from spp_ops import Projection
from spp_ops._core.geometry import place_boxes

scales = st.sampled_from([1.0, 0.5, 0.25, 1 / 16, 0.3])


def float_edges_agree(extent: int, bins: int) -> bool:
    """Whether torchvision's float32 arithmetic gives the exact edges of all bins."""
    index, size = np.arange(bins), np.float32(extent) / np.float32(bins)
    begin = np.floor(index.astype(np.float32) * size)
    end = np.ceil((index + 1).astype(np.float32) * size)
    exact_end = -(-(index + 1) * extent // bins)
    return bool((begin == index * extent // bins).all() and (end == exact_end).all())


def test_float_edges_are_seldom_wrong() -> None:
    wrong = [(n, extent) for n in range(1, 15) for extent in range(1, 201) if not float_edges_agree(extent, n)]
    assert {(7, 57), (7, 114), (7, 121)} <= set(wrong)
    assert len(wrong) <= 26


@given(case=cases(dtypes=[torch.float32], finite=True, most_maps=1), scale=scales, bins=st.integers(1, 14))
def test_roi_pool(case: Case, scale: float, bins: int, device: torch.device) -> None:
    """Every finite box, be it outside, reversed or tiny; gradients too."""
    features = on_device(case.maps[0], device).requires_grad_()
    height, width = features.shape[2:]
    rois = case.rois.float()
    windows = place_boxes(rois, [(height, width)], [Projection.rounded(scale)], images=len(features)).windows
    exact = [float_edges_agree(w, bins) and float_edges_agree(h, bins) for _, _, w, h in windows.tolist()]
    rois = rois[exact].to(device)
    expected = roi_pool(features, rois, bins, scale).flatten(1)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (bins,), scale)
    assert_same(pooled, expected)
    if len(rois):  # torchvision has no gradient of nothing
        weights = whole_numbers(pooled)
        assert_same(gradients(pooled, [features], weights), gradients(expected, [features], weights))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_roi_pool_of_many_windows(dtype: torch.dtype, device: torch.device) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 32, 38, 50, generator=generator).to(device, dtype)
    corners = (torch.rand(500, 4, generator=generator) * 900 - 50).floor()
    rois = torch.cat([torch.randint(2, (500, 1), generator=generator), corners], dim=1).to(device, dtype)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (6, 3, 2, 1), 1 / 16)
    assert_same(pooled, torch.cat([roi_pool(features, rois, n, 1 / 16).flatten(1) for n in (6, 3, 2, 1)], dim=1))


@given(case=cases(most_maps=1), data=st.data())
def test_adaptive_max_pool(case: Case, data: st.DataObject, device: torch.device) -> None:
    """Of every window cut out of its map."""
    features = on_device(case.maps[0], device)
    height, width = features.shape[2:]
    rows, columns = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    x, y = data.draw(st.tuples(st.integers(0, width - 1), st.integers(0, height - 1)))
    right, bottom = data.draw(st.tuples(st.integers(x + 1, width), st.integers(y + 1, height)))
    rois = torch.tensor([[i, x, y, right, bottom] for i in range(len(features))], dtype=torch.float32, device=device)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, ((rows, columns),), Projection.cells())
    assert_same(pooled, F.adaptive_max_pool2d(features[:, :, y:bottom, x:right], (rows, columns)).flatten(1))


@given(case=cases(dtypes=[torch.float32, torch.float64], finite=True, most_maps=1))
def test_adaptive_max_pool_of_whole_maps(case: Case, device: torch.device) -> None:
    features = on_device(case.maps[0], device).requires_grad_()
    pooled = spp_ops.spatial_pyramid_pool(features, (5, (2, 3)))

    def adaptive(levels: tuple[int | tuple[int, int], ...]) -> Tensor:
        return torch.cat([F.adaptive_max_pool2d(features, level).flatten(1) for level in levels], dim=1)

    expected = adaptive((5, (2, 3)))
    assert_same(pooled, expected)
    weights = whole_numbers(pooled)
    assert_same(gradients(pooled, [features], weights), gradients(expected, [features], weights))
