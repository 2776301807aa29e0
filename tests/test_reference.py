"""The reference itself: small cases by hand, adaptive pooling's bins, and its twin without loops."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from agreement import assert_same, gradients, whole_numbers
from hypothesis import given
from hypothesis import strategies as st
from strategies import Case, cases

from spp_ops import Projection, reference
from spp_ops._core import fallback
from spp_ops._core.checks import level_pairs

NAN = float("nan")


def test_a_window_by_hand() -> None:
    """Three columns in two bins share the middle one; two rows in two bins share none."""
    features = torch.tensor([[[[1.0, 5, 2], [7, 0, 3], [9, 9, 9]], [[0, 0, 0], [0, -1, 0], [0, 0, 0]]]])
    pooled = reference.roi_spatial_pyramid_pool(
        features, torch.tensor([[0.0, 0, 0, 3, 2]]), (2, (1, 2), 1), Projection.cells()
    )
    of_two_by_two = [5.0, 5, 7, 3, 0, 0, 0, 0]  # channel by channel, row by row
    of_one_by_two = [7, 5, 0, 0]
    assert_same(pooled, torch.tensor([[*of_two_by_two, *of_one_by_two, 7, 0]]))


def test_bins_reach_past_the_edge_of_the_map() -> None:
    """Bins are laid over cells -2..1 of a row and clipped then: the first has no cell."""
    features = torch.tensor([[[[3.0, 4, 9]]]])
    rois = torch.tensor([[0.0, -2, 0, 2, 1]])
    assert_same(
        reference.roi_spatial_pyramid_pool(features, rois, ((1, 2),), Projection.cells()), torch.tensor([[0.0, 4.0]])
    )


@given(low=st.integers(-30, 30), extent=st.integers(0, 60), bins=st.integers(1, 20), limit=st.integers(1, 20))
def test_bins_cover_the_window(low: int, extent: int, bins: int, limit: int) -> None:
    """Every cell of the window that is on the map is in a bin; neighbors overlap by one cell at most."""
    ranges = reference.bin_ranges(low, extent, bins, limit)
    covered = {cell for begin, end in ranges for cell in range(begin, end)}
    assert covered == set(range(max(low, 0), min(low + extent, limit)))
    for (_, end), (begin, _) in pairwise(ranges):
        assert end - begin in (0, 1) or end <= begin


@given(extent=st.integers(1, 60), bins=st.integers(1, 8), factor=st.integers(1, 4))
def test_a_coarse_bin_is_the_union_of_finer_ones(extent: int, bins: int, factor: int) -> None:
    fine = reference.bin_ranges(0, extent, bins * factor, extent)
    coarse = reference.bin_ranges(0, extent, bins, extent)
    assert coarse == [(fine[i * factor][0], fine[(i + 1) * factor - 1][1]) for i in range(bins)]


@pytest.mark.parametrize(("size", "bins"), [(13, n) for n in (1, 2, 3, 4, 6)])
def test_at_13_cells_the_papers_sliding_windows_are_the_bins(size: int, bins: int) -> None:
    """Windows of ceil(a / n) cells every floor(a / n) cells (paper, section 2.3)."""
    window, stride = -(-size // bins), size // bins
    assert reference.bin_ranges(0, size, bins, size) == [(i * stride, i * stride + window) for i in range(bins)]


@pytest.mark.parametrize(
    ("cells", "maximum", "winner"),
    [
        ([[1.0, 2], [2, 0]], 2.0, 1),
        ([[-0.0, 0.0], [0.0, -1]], 0.0, 0),
        ([[0.0, float("inf")], [NAN, NAN]], NAN, 2),
        ([[float("-inf")] * 2] * 2, float("-inf"), 0),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_first_maximum(cells: list[list[float]], maximum: float, winner: int, dtype: torch.dtype) -> None:
    values = torch.tensor([cells], dtype=dtype, requires_grad=True)
    found = reference.first_maximum(values)
    assert_same(found, torch.tensor([maximum], dtype=dtype))
    (gradient,) = torch.autograd.grad(found, values, torch.ones_like(found))
    assert gradient.flatten().nonzero().tolist() == [[winner]]


def test_of_no_cells_the_maximum_is_0() -> None:
    assert_same(reference.first_maximum(torch.empty(3, 0, 4)), torch.zeros(3))


def vectorized(case: Case, maps: list[torch.Tensor]) -> torch.Tensor:
    return fallback.roi_spatial_pyramid_pool(
        maps,
        case.rois,
        level_pairs(case.levels),
        case.projections,
        map_index=case.map_index,
        target_area=case.target_area,
    )


@given(case=cases(channels=[1, 2, 5]))
def test_the_form_without_loops_agrees(case: Case) -> None:
    exact, maps = case.leaves(torch.float64), case.leaves()
    expected, pooled = case.call(reference.roi_spatial_pyramid_pool, exact), vectorized(case, maps)
    assert_same(pooled, expected.to(pooled.dtype))
    if pooled.dtype == torch.float64:
        weights = whole_numbers(pooled)
        assert_same(gradients(pooled, maps, weights), gradients(expected, exact, weights))


@given(case=cases(channels=[1, 2], dtypes=[torch.float64], finite=True))
def test_the_form_without_loops_has_the_same_second_derivatives(case: Case) -> None:
    def derivatives(maps: list[torch.Tensor], pooled: torch.Tensor) -> list[torch.Tensor]:
        first = gradients(pooled**2, maps, whole_numbers(pooled), create_graph=True)
        total = torch.cat([(each * whole_numbers(each, seed=1)).flatten() for each in first]).sum()
        return gradients(total, maps, torch.ones_like(total))

    exact, maps = case.leaves(), case.leaves()
    torch.testing.assert_close(
        derivatives(maps, vectorized(case, maps)),
        derivatives(exact, case.call(reference.roi_spatial_pyramid_pool, exact)),
    )


def test_the_form_without_loops_gives_nan_and_no_gradient_for_bad_rows() -> None:
    maps = [torch.randn(2, 3, 5, 6, requires_grad=True) for _ in range(2)]
    good = [1.0, 0, 0, 4, 4]
    rois = torch.tensor([good, [2.0, 0, 0, 4, 4], [-1.0, 0, 0, 4, 4], [0.5, 0, 0, 4, 4], [0, NAN, 0, 4, 4], good, good])
    map_index = torch.tensor([0, 0, 0, 0, 0, 2, -1])
    rules = [Projection.cells()] * 2
    pooled = fallback.roi_spatial_pyramid_pool(maps, rois, [(2, 2), (1, 1)], rules, map_index=map_index)
    alone = fallback.roi_spatial_pyramid_pool(maps, rois[:1], [(2, 2), (1, 1)], rules, map_index=map_index[:1])
    assert_same(pooled[:1], alone)
    assert pooled[1:].isnan().all()
    assert_same(gradients(pooled, maps, torch.ones_like(pooled)), gradients(alone, maps, torch.ones_like(alone)))


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4)])
def test_the_form_without_loops_takes_maps_without_images_or_channels(shape: tuple[int, ...]) -> None:
    features = torch.empty(shape, requires_grad=True)
    rois = torch.zeros(min(shape[0], 1), 5)
    pooled = fallback.roi_spatial_pyramid_pool([features], rois, [(2, 2)], [Projection.cells()])
    assert pooled.shape == (len(rois), shape[1] * 4)
    assert torch.autograd.grad(pooled.sum(), features)[0].shape == shape


def test_reference_writes_to_out() -> None:
    features, rois = torch.randn(1, 2, 5, 5), torch.tensor([[0.0, 0, 0, 4, 4]])
    out = torch.empty(1, 10)
    assert reference.roi_spatial_pyramid_pool(features, rois, (2, 1), out=out) is out
    assert_same(out, reference.roi_spatial_pyramid_pool(features, rois, (2, 1)))
