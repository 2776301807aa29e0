"""Projection rules against their printed formulas, in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spp_ops._core.geometry import place_boxes
from spp_ops.projection import AxisRule, CornerRule, Fit, Projection, RoundOp, as_projections
from spp_ops.receptive_field import ReceptiveField

ZF5 = ReceptiveField(size=139, stride=16, center=20)
HALF = Fraction(1, 2)
POSITIONS = [Fraction(n, 4) for n in range(-200, 4000)]  # 0-based pixels
FAR_AWAY = 10**6  # pixels; keeps a window from being reversed


def windows(rule: Projection, rows: Tensor, height: int = 10**6, width: int = 10**6) -> list[list[int]]:
    """x, y, width and height of each row (image, x1, y1, x2, y2)."""
    return place_boxes(rows, [(height, width)], [rule], images=1).windows.tolist()


def first_and_last(rule: Projection, dtype: torch.dtype = torch.float64) -> tuple[list[int], list[int]]:
    """First cells of windows that begin at the POSITIONS, and last cells of windows that end there; 0-based."""
    x = torch.tensor([float(p) for p in POSITIONS], dtype=dtype)
    zero = torch.zeros_like(x)
    beginning = windows(rule, torch.stack([zero, x, zero, zero + FAR_AWAY, zero + FAR_AWAY], 1))
    ending = windows(rule, torch.stack([zero, zero - FAR_AWAY, zero, x, zero + FAR_AWAY], 1))
    return [x for x, _, _, _ in beginning], [x + width - 1 for x, _, width, _ in ending]


def round_half_away(x: Fraction) -> int:
    return floor(abs(x) + HALF) * (1 if x > 0 else -1)


def on_the_map(cells: list[int]) -> list[int]:
    return [max(cell, 0) for cell in cells]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("field", "scale"), [(ZF5, 1), (ZF5, HALF), (ReceptiveField(71, 12, 14), 1)])
def test_receptive_field_is_the_authors_rule(field: ReceptiveField, scale: Fraction | int, dtype: torch.dtype) -> None:
    stride, center, inset = field.stride[0], int(field.center[0]) + 1, Fraction(13, 2)  # 1-based
    first, last = first_and_last(Projection.receptive_field(field, image_scale=float(scale)), dtype)
    pixels = [p * scale + 1 for p in POSITIONS]
    assert first == on_the_map([floor((x - center + inset) / stride + HALF) + 1 - 1 for x in pixels])
    assert last == on_the_map([ceil((x - center - inset) / stride - HALF) + 1 - 1 for x in pixels])


def test_the_papers_rule_for_zf5_has_the_same_left_and_an_eighth_of_rights_one_less() -> None:
    first, last = first_and_last(Projection.receptive_field(ZF5))
    pixels = [p + 1 for p in POSITIONS]
    assert first == on_the_map([floor((x - Fraction(139, 2) + 63) / 16) + 1 - 1 for x in pixels])
    inside = [i for i, x in enumerate(pixels) if x > 60]  # where neither is clamped
    differences = [last[i] - (ceil((pixels[i] + Fraction(139, 2) - 75) / 16) - 1 - 1) for i in inside]
    assert set(differences) == {0, 1}
    assert sum(differences) / len(differences) == pytest.approx(1 / 8, abs=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("stride", "scale"), [(16, 1), (12, 1), (16, HALF), (Fraction(5, 2), 2)])
def test_floor_ceil_is_the_journals_rule(stride: Fraction | int, scale: Fraction | int, dtype: torch.dtype) -> None:
    first, last = first_and_last(Projection.floor_ceil(float(stride), image_scale=float(scale)), dtype)
    pixels = [p * scale + 1 for p in POSITIONS]
    assert first == on_the_map([floor(x / stride) + 1 - 1 for x in pixels])
    assert last == on_the_map([ceil(x / stride) - 1 - 1 for x in pixels])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [Fraction(1, 16), Fraction(1, 8), 1, 2])
def test_rounded_is_caffes_rule(scale: Fraction | int, dtype: torch.dtype) -> None:
    first, last = first_and_last(Projection.rounded(float(scale)), dtype)
    assert first == [round_half_away(p * scale) for p in POSITIONS]
    assert last == [round_half_away(p * scale) for p in POSITIONS]


def test_numbers_just_below_a_half_round_down() -> None:
    """Where adding a half first would round the sum up."""
    for x, dtype in ((0.49999997, torch.float32), (0.49999999999999994, torch.float64)):
        rows = torch.tensor([[0, x, -x, 2, 2]], dtype=dtype)
        assert windows(Projection.cells(), rows) == [[0, 0, 2, 2]]


def test_rounded_windows_have_a_cell_at_least() -> None:
    rows = torch.tensor([[0.0, 5, 7, 5, 7], [0, 9, 9, 2, 3]])
    assert windows(Projection.rounded(1.0), rows) == [[5, 7, 1, 1], [9, 9, 1, 1]]


def test_cells_are_taken_as_they_are() -> None:
    rows = torch.tensor([[0.0, -2, 1, 5, 3], [0, 4, 4, 4, 4], [0, 4, 5, 1, 1], [0, 0.4, 0.5, 1.5, 2.4]])
    expected = [[-2, 1, 7, 2], [4, 4, 0, 0], [4, 5, 0, 0], [0, 1, 2, 1]]
    assert windows(Projection.cells(), rows, 3, 3) == expected


@pytest.mark.parametrize("rule", [Projection.receptive_field(ZF5), Projection.floor_ceil(16)])
@given(
    corners=st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4), size=st.tuples(*[st.integers(1, 30)] * 2)
)
def test_clamped_windows_lie_on_the_map(rule: Projection, corners: list[float], size: tuple[int, int]) -> None:
    ((x, y, width, height),) = windows(rule, torch.tensor([[0.0, *corners]]), *size)
    assert 0 <= y < y + height <= size[0]
    assert 0 <= x < x + width <= size[1]


def test_reversed_windows_become_their_middle_cell() -> None:
    """Cells 5 and 2 have the middle 3, -3 and -6 have -5 (outside) and a narrow box the cell between its corners."""
    rule = Projection.floor_ceil(16)
    rows = torch.tensor([[0.0, 16 * 5, -16 * 3, 16 * 4 - 1, -16 * 5]])
    assert windows(rule, rows, 40, 40) == [[3, 0, 1, 1]]
    ((x, _, width, _),) = windows(Projection.receptive_field(ZF5), torch.tensor([[0.0, 100, 0, 101, 50]]))
    assert (x, width) == (5, 1)


def test_axes_have_their_own_numbers() -> None:
    both = Projection.receptive_field(ReceptiveField((9, 5), (4, 2), (1.5, 0.5)), image_scale=(2.0, 1.0), inset=0)
    wide = Projection.receptive_field(ReceptiveField(9, 4, 1.5), image_scale=2.0, inset=0)
    high = Projection.receptive_field(ReceptiveField(5, 2, 0.5), image_scale=1.0, inset=0)
    assert (both.x, both.y) == (wide.x, high.y)
    assert Projection.rounded((0.5, 0.25)).y == Projection.rounded(0.25).y
    assert Projection.floor_ceil((2, 4), (1.0, 0.5)).y == Projection.floor_ceil(4, 0.5).y


def test_numbers_are_in_the_order_of_window_h() -> None:
    x = AxisRule(0.5, 16.0, CornerRule(1.0, RoundOp.FLOOR, 2), CornerRule(3.0, RoundOp.CEIL, 4))
    y = AxisRule(0.25, 8.0, CornerRule(5.0, RoundOp.NEAREST, 6), CornerRule(7.0, RoundOp.FLOOR, 8))
    expected = [0.5, 16, 1, 0, 2, 3, 1, 4, 0.25, 8, 5, 2, 6, 7, 0, 8, 2]
    assert Projection(x, y, Fit.CLAMP_TO_MAP).numbers() == expected


@pytest.mark.parametrize(
    "rule",
    [
        Projection.rounded((0.5, 0.25)),
        Projection.cells(),
        Projection.receptive_field(ZF5, (1.5, 2)),
        Projection.floor_ceil(16),
    ],
    ids=str,
)
def test_numbers_can_be_decoded(rule: Projection) -> None:
    assert Projection.from_numbers(rule.numbers()) == rule


def test_the_nearest_area_chooses_the_map_and_the_first_of_equals() -> None:
    rules = [Projection.rounded(scale) for scale in (0.5, 1.0, 2.0, 2.0)]
    rows = torch.tensor([[0.0, 0, 0, 9, 9], [0, 0, 0, 19, 19], [0, 0, 0, 4, 4], [0, 9, 9, 0, 0]])
    # Areas 100, 400, 25 and 0 are scaled by 1/4, 1, 4, 4.
    assert place_boxes(rows, [(9, 9)] * 4, rules, images=1, target_area=100.0).map.tolist() == [1, 0, 2, 0]
    between = place_boxes(rows[:1], [(9, 9)] * 2, rules[:2], images=1, target_area=62.5)  # 25 and 100 are equally near
    assert between.map.tolist() == [0]


def test_as_projections() -> None:
    rule = Projection.cells()
    assert as_projections(0.5, 2) == [Projection.rounded(0.5)] * 2
    assert as_projections(rule, 1) == [rule]
    assert as_projections([1, rule, np.float32(0.25)], 3) == [Projection.rounded(1.0), rule, Projection.rounded(0.25)]


@pytest.mark.parametrize(
    ("projection", "maps", "error", "text"),
    [
        ("1.0", 1, TypeError, r"projection: expected a number or a Projection, got str"),
        (None, 1, TypeError, r"projection: .*NoneType"),
        (True, 1, TypeError, r"projection: .*bool"),
        (torch.tensor(1.0), 1, TypeError, r"projection: .*Tensor"),
        ([1.0], 2, ValueError, r"projection: expected one per feature map \(2\), got 1"),
        ([1.0, "a"], 2, TypeError, r"projection\[1\]: .*str"),
        (0.0, 1, ValueError, r"projection: expected a finite positive number, got 0.0"),
        (-1, 1, ValueError, r"projection: .*-1"),
        (float("nan"), 1, ValueError, r"projection: .*nan"),
        ([1.0, float("inf")], 2, ValueError, r"projection\[1\]: .*inf"),
        (1e-40, 1, ValueError, r"projection: .*1e-40"),
    ],
)
def test_bad_projections(projection: object, maps: int, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        as_projections(projection, maps)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Projection.rounded(0), ValueError, "spatial_scale"),
        (lambda: Projection.rounded("1"), TypeError, "spatial_scale"),  # type: ignore[arg-type]
        (lambda: Projection.rounded((1.0, -1.0)), ValueError, r"spatial_scale\[1\]"),
        (lambda: Projection.rounded((1.0, 1.0, 1.0)), ValueError, "spatial_scale"),  # type: ignore[arg-type]
        (lambda: Projection.floor_ceil(-16), ValueError, "stride"),
        (lambda: Projection.floor_ceil(16, image_scale=float("nan")), ValueError, "image_scale"),
        (lambda: Projection.receptive_field(16), TypeError, "receptive_field"),  # type: ignore[arg-type]
        (lambda: Projection.receptive_field(ZF5, image_scale=0.0), ValueError, "image_scale"),
        (lambda: Projection.receptive_field(ZF5, inset=float("inf")), ValueError, "inset"),
        (lambda: Projection.receptive_field(ReceptiveField(1, 0, 0)), ValueError, "receptive_field.stride"),
    ],
)
def test_bad_numbers_name_the_argument(make, error: type[Exception], text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=text):
        make()


def test_text() -> None:
    assert str(Projection.rounded(1 / 16)) == "Projection.rounded(0.0625)"
    assert str(Projection.floor_ceil(16, (1.5, 2))) == "Projection.floor_ceil(16, image_scale=(1.5, 2))"
    assert "ReceptiveField(size=139, stride=16, center=20)" in str(Projection.receptive_field(ZF5))
