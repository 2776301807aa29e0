"""What must hold of a call: the reference's result to the bit, its gradients, and the same again from other threads."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import torch
from agreement import assert_same, gradients, whole_numbers
from strategies import Case
from torch import Tensor

import spp_ops
from spp_ops import reference
from spp_ops._core import checks, fallback

MOST_BINS = 3000  # that the reference, one after another, is given


def check_call(case: Case, rng: random.Random) -> None:
    """Results, and a few of the other ways to get at them, drawn at random."""
    expected = _expected(case, case.maps)
    pooled = case.call(spp_ops.roi_spatial_pyramid_pool)
    assert pooled.dtype == case.maps[0].dtype
    assert_same(pooled, expected)
    if rng.random() < 0.3:
        _check_out(case, expected, rng)
    if rng.random() < 0.5:
        _check_gradients(case)
    if rng.random() < 0.1:
        _check_python_threads(case, expected)
    if rng.random() < 0.2:
        features = case.maps[0]
        whole = spp_ops.spatial_pyramid_pool(features, case.levels)
        assert_same(whole, reference.spatial_pyramid_pool(features, case.levels))


def _expected(case: Case, maps: list[Tensor]) -> Tensor:
    """By the reference, or by the vectorized form where that would take long."""
    pairs = checks.level_pairs(case.levels)
    if len(case.rois) * sum(rows * columns for rows, columns in pairs) <= MOST_BINS:
        return case.call(reference.roi_spatial_pyramid_pool, maps)
    return fallback.roi_spatial_pyramid_pool(
        maps, case.rois, pairs, case.projections, map_index=case.map_index, target_area=case.target_area
    )


def _check_out(case: Case, expected: Tensor, rng: random.Random) -> None:
    rows, columns = expected.shape
    before, after = rng.randint(0, 3), rng.randint(0, 3)
    wide = torch.full((rows, before + columns + after), 7.0, dtype=expected.dtype)
    out = wide[:, before : before + columns]
    case.call(lambda *args, **keywords: spp_ops.roi_spatial_pyramid_pool(*args, out=out, **keywords))
    assert_same(out, expected)
    assert (wide[:, :before] == 7).all()
    assert (wide[:, before + columns :] == 7).all()


def _check_gradients(case: Case) -> None:
    """First and second order; sums of the whole numbers that flow in are exact in float64, and rounded once."""
    exact, maps = case.leaves(torch.float64), case.leaves()
    expected, pooled = _expected(case, exact), case.call(spp_ops.roi_spatial_pyramid_pool, maps)
    weights = whole_numbers(expected)
    inflow = weights.to(pooled).requires_grad_()
    actual = gradients(pooled, maps, inflow, create_graph=True)
    dtype = case.maps[0].dtype
    assert_same([each.detach() for each in actual], [each.to(dtype) for each in gradients(expected, exact, weights)])
    directions = [whole_numbers(each, seed=1) for each in actual]
    picked = torch.autograd.grad(actual, inflow, directions)
    again = case.leaves(torch.float64)
    exact_inflow = weights.clone().requires_grad_()
    first = gradients(_expected(case, again), again, exact_inflow, create_graph=True)
    wanted = torch.autograd.grad(first, exact_inflow, [each.double() for each in directions])
    assert_same(picked[0], wanted[0].to(dtype))


def _check_python_threads(case: Case, expected: Tensor) -> None:
    """Calls at the same time share nothing."""
    with ThreadPoolExecutor(4) as pool:
        for pooled in pool.map(lambda _: case.call(spp_ops.roi_spatial_pyramid_pool), range(8)):
            assert_same(pooled, expected)
