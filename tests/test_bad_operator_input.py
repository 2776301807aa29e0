"""The operators below the Python functions check by themselves what would make them read or write elsewhere."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from bad_arguments import INF, MAP, NAN, ROIS

from spp_ops._core.limits import LIMITS
from spp_ops.projection import Projection


@pytest.mark.parametrize(
    ("argument", "value"),
    [("sources", 2), ("sources", -2), ("shape", [0, 3, 8, 9]), ("shape", [2, 3, 2**31, 9]), ("shape", [2, 3, 8])],
)
def test_operators_below_read_and_write_nothing_that_is_not_there(argument: str, value: Any) -> None:
    operators = torch.ops.spp_ops
    levels, rules = [2, 2, 1, 1], Projection.rounded(1.0).numbers()
    pooled, indices, sources = operators.roi_spatial_pyramid_pool_with_indices([MAP], ROIS, None, levels, rules, 1.0)
    shape = list(MAP.shape)
    if argument == "sources":
        sources[1] = value
        with pytest.raises(ValueError, match=rf"^sources: row 1 is {value}, expected -1 to 1"):
            operators.roi_spatial_pyramid_pool_gather([MAP], indices, sources, levels)
    else:
        shape = value
    with pytest.raises(ValueError, match=r"^(sources|shape): "):
        operators.roi_spatial_pyramid_pool_backward(pooled, indices, sources, levels, shape, [0], False)


@pytest.mark.parametrize("wrong", [NAN, INF, 0.0])
def test_operators_below_refuse_rules_that_cannot_be_computed(wrong: float) -> None:
    rules = Projection.rounded(1.0).numbers()
    rules[1] = wrong
    with pytest.raises(ValueError, match=r"^projections: expected finite numbers"):
        torch.ops.spp_ops.roi_spatial_pyramid_pool([MAP], ROIS, None, [2, 2], rules, 1.0)


def test_limits_are_those_of_the_operators() -> None:
    """What the checks let through, the operators take; one more, and both refuse."""
    operator, rule = torch.ops.spp_ops.roi_spatial_pyramid_pool, Projection.rounded(1.0).numbers()
    assert len(rule) == LIMITS.projection_numbers
    boxes = ROIS[:0]
    for levels, maps in [(LIMITS.levels, 1), (1, LIMITS.maps)]:
        operator([MAP] * maps, boxes, None, [1, 1] * levels, rule * maps, 1.0)
    operator([MAP], boxes, None, [1, LIMITS.bins], rule, 1.0)
    with pytest.raises((ValueError, RuntimeError), match=r"^levels: "):
        operator([MAP], boxes, None, [1, 1] * (LIMITS.levels + 1), rule, 1.0)
    with pytest.raises((ValueError, RuntimeError), match=r"^levels: "):
        operator([MAP], boxes, None, [1, LIMITS.bins + 1], rule, 1.0)
    with pytest.raises((ValueError, RuntimeError), match=r"^features: "):
        operator([MAP] * (LIMITS.maps + 1), boxes, None, [1, 1], rule * (LIMITS.maps + 1), 1.0)
    for place, most in [(2, LIMITS.number), (4, LIMITS.shift)]:  # offset and shift of the first corner
        for number, refused in [(most, False), (1.01 * most, True)]:
            rule[place] = number
            with pytest.raises((ValueError, RuntimeError), match=r"^projections: ") if refused else nullcontext():
                operator([MAP], boxes, None, [1, 1], rule, 1.0)
        rule[place] = 0.0
    for width, dtype in [(LIMITS.cells_16, torch.int16), (LIMITS.cells_16 + 1, torch.int32)]:
        long = torch.zeros(1, 1, 1, width)
        picked = torch.ops.spp_ops.roi_spatial_pyramid_pool_with_indices([long], boxes, None, [1, 1], rule, 1.0)
        assert picked[1].dtype == dtype
