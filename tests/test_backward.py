"""Derivatives of every order are the reference's, whose derivatives are autograd's own.

Gradients that flow in are whole numbers where results are compared to the bit: their sums are exact in any order.
"""

from __future__ import annotations

import pytest
import torch
from agreement import assert_same, gradients, whole_numbers
from hypothesis import given, settings
from strategies import Case, cases
from test_forward import random_rois
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

import spp_ops
from spp_ops import Projection, ReceptiveField, reference

LEVEL_SETS = [(6, 3, 2, 1), (4, 3, 2, 1), (4, 2, 1), (1,), ((2, 3), (1, 1))]
PROJECTIONS = [
    Projection.rounded(0.5),
    Projection.cells(),
    Projection.receptive_field(ReceptiveField(size=7, stride=2, center=1), inset=0.5),
    Projection.floor_ceil(2, image_scale=0.8),
]


@given(case=cases())
def test_gradient(case: Case, device: torch.device) -> None:
    check_gradient(case, device)


@given(case=cases(most_maps=1))
def test_gradient_at_every_cpu_level(case: Case, cpu_level: str) -> None:
    check_gradient(case, torch.device("cpu"))


def check_gradient(case: Case, device: torch.device) -> None:
    # The reference adds in float64, where nothing is lost: the kernels may round once, at the end.
    exact = case.leaves(torch.float64)
    expected = case.call(reference.roi_spatial_pyramid_pool, exact)
    maps = case.leaves(device=device)
    pooled = case.call(spp_ops.roi_spatial_pyramid_pool, maps, device)
    weights = whole_numbers(expected)
    actual = gradients(pooled, maps, weights.to(pooled))
    assert_same(actual, [each.to(case.maps[0].dtype) for each in gradients(expected, exact, weights)])


@given(case=cases(dtypes=[torch.float32, torch.float64]))
def test_second_derivatives(case: Case, device: torch.device) -> None:
    """Of the gradient, which is linear in what flows in and does not change with the features."""

    def derivatives(maps: list[Tensor], pooled: Tensor) -> list[Tensor]:
        weights = whole_numbers(pooled).requires_grad_()
        first = gradients(pooled, maps, weights, create_graph=True)
        total = sum((each * whole_numbers(each, seed=1)).sum() for each in first)
        assert isinstance(total, Tensor)
        return gradients(total, [weights, *maps], torch.ones_like(total))

    exact = case.leaves()
    maps = case.leaves(device=device)
    assert_same(
        derivatives(maps, case.call(spp_ops.roi_spatial_pyramid_pool, maps, device)),
        derivatives(exact, case.call(reference.roi_spatial_pyramid_pool, exact)),
    )


@settings(max_examples=15)
@given(case=cases(dtypes=[torch.float64], finite=True, channels=[1, 2, 3]))
def test_third_derivatives(case: Case, device: torch.device) -> None:
    def derivative(maps: list[Tensor], pooled: Tensor) -> list[Tensor]:
        total = pooled.sin().sum()
        for _ in range(3):
            grads = gradients(total, maps, torch.ones_like(total), create_graph=True)
            total = sum((each.cos() * each).sum() for each in grads)  # type: ignore[assignment]
        return grads

    exact = case.leaves()
    maps = case.leaves(device=device)
    torch.testing.assert_close(
        derivative(maps, case.call(spp_ops.roi_spatial_pyramid_pool, maps, device)),
        derivative(exact, case.call(reference.roi_spatial_pyramid_pool, exact)),
        check_device=False,
    )


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda rule: str(rule).split("(")[0])
@pytest.mark.parametrize("levels", LEVEL_SETS, ids=str)
def test_gradcheck(levels: tuple[int, ...], projection: Projection, device: torch.device) -> None:
    features = distinct(2, 1, 4, 5).to(device).requires_grad_()
    rois = torch.tensor([[0.0, 0, 0, 5, 5], [1, 1, 2, 6, 4], [1, -4, 1, 14, 9]], device=device)

    def pool(features: Tensor) -> Tensor:
        return spp_ops.roi_spatial_pyramid_pool(features, rois, levels, projection)

    # On a GPU sums of gradients come in any order: equal to rounding, not to the bit.
    assert gradcheck(pool, features, nondet_tol=1e-12)
    assert gradgradcheck(pool, features, nondet_tol=1e-12)


@pytest.mark.parametrize("map_index", [None, [1, 0, 1, 1]], ids=["nearest area", "map_index"])
def test_gradcheck_of_several_maps(map_index: list[int] | None, device: torch.device) -> None:
    maps = [distinct(2, 1, 2, 3).to(device).requires_grad_(), distinct(2, 1, 4, 5).to(device).requires_grad_()]
    rois = torch.tensor([[0.0, 0, 0, 5, 5], [1, 1, 2, 6, 4], [1, 3, 3, 3, 3], [0, 0, 0, 8, 8]], device=device)
    chosen = None if map_index is None else torch.tensor(map_index, device=device)

    def pool(*maps: Tensor) -> Tensor:
        return spp_ops.roi_spatial_pyramid_pool(maps, rois, (2, 1), (0.5, 1.0), map_index=chosen, target_area=20)

    assert gradcheck(pool, maps, nondet_tol=1e-12)
    assert gradgradcheck(pool, maps, nondet_tol=1e-12)


def test_gradcheck_of_whole_maps(device: torch.device) -> None:
    features = distinct(2, 1, 4, 5).to(device).requires_grad_()
    assert gradcheck(spp_ops.spatial_pyramid_pool, features, nondet_tol=1e-12)
    assert gradgradcheck(spp_ops.spatial_pyramid_pool, features, nondet_tol=1e-12)


@pytest.mark.parametrize(
    ("values", "winner"),
    [
        ([[1.0, 2, 2], [2, 0, 2]], 1),
        ([[0.0, 0, 0], [0, 0, 0]], 0),
        ([[-0.0, 0, 0], [0, 0, 0]], 0),
        ([[0.0, 1, float("nan")], [float("nan"), float("inf"), 0]], 2),
        ([[0.0, 1, float("inf")], [float("inf"), 0, 0]], 2),
        ([[float("-inf")] * 3] * 2, 0),
    ],
)
def test_the_first_maximum_in_row_major_order_gets_the_gradient(
    values: list[list[float]], winner: int, device: torch.device
) -> None:
    features = torch.tensor(values, device=device)[None, None].requires_grad_()
    # By way of a finer level, and from the map itself.
    for levels, weights in (((2, 1), [0, 0, 0, 0, 5.0]), ((1,), [5.0])):
        pooled = spp_ops.spatial_pyramid_pool(features, levels)
        (gradient,) = torch.autograd.grad(pooled, features, torch.tensor([weights], device=device))
        assert_same(gradient.flatten(), torch.eye(6)[winner] * 5)


def test_overlapping_windows_add_up(device: torch.device) -> None:
    features = torch.zeros(1, 1, 3, 3, device=device)
    features[0, 0, 1, 1] = 1
    features.requires_grad_()
    rois = torch.tensor([[0.0, 0, 0, 2, 2]] * 1000, device=device)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (1,))
    (gradient,) = torch.autograd.grad(pooled.sum(), features)
    assert gradient[0, 0, 1, 1] == 1000
    assert gradient.sum() == 1000


def test_windows_that_meet_no_cell_give_no_gradient(device: torch.device) -> None:
    features = torch.randn(1, 2, 4, 4, device=device, requires_grad=True)
    rois = torch.tensor([[0.0, 100, 100, 120, 120]], device=device)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois)
    assert_same(pooled, torch.zeros(1, 100))
    assert_same(torch.autograd.grad(pooled.sum(), features)[0], torch.zeros_like(features))


def test_boxes_get_no_gradient(device: torch.device) -> None:
    features = torch.randn(1, 2, 4, 4, device=device, requires_grad=True)
    rois = torch.tensor([[0.0, 0, 0, 3, 3]], device=device, requires_grad=True)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois)
    assert torch.autograd.grad(pooled.sum(), [features, rois], allow_unused=True)[1] is None
    assert not spp_ops.roi_spatial_pyramid_pool(features.detach(), rois).requires_grad


def test_only_maps_that_ask_get_a_gradient(device: torch.device) -> None:
    maps = [torch.randn(1, 2, 4, 4, device=device), torch.randn(1, 2, 8, 8, device=device, requires_grad=True)]
    rois = torch.tensor([[0.0, 0, 0, 3, 3], [0, 0, 0, 7, 7]], device=device)
    index = torch.tensor([0, 1], device=device)
    spp_ops.roi_spatial_pyramid_pool(maps, rois, (1,), map_index=index).sum().backward()
    assert maps[0].grad is None
    assert maps[1].grad is not None
    assert maps[1].grad.sum() == 2


def test_gradients_of_any_strides(device: torch.device) -> None:
    """What flows in may be expanded, sliced or transposed."""
    features = torch.randn(2, 3, 8, 8, device=device, requires_grad=True)
    rois = random_rois(5, 2, 8, 8, torch.Generator().manual_seed(0)).to(device)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (3, 1))
    rows, columns = pooled.shape
    number = whole_numbers(torch.empty(columns, rows), seed=1).to(device)
    for weights in (
        torch.ones((), device=device).expand_as(pooled),
        number.T,
        whole_numbers(torch.empty(2 * rows, 3 * columns)).to(device)[::2, ::3],
        number[:, :1].T.expand_as(pooled),
    ):
        (gradient,) = torch.autograd.grad(pooled, features, weights, retain_graph=True)
        (expected,) = torch.autograd.grad(pooled, features, weights.contiguous(), retain_graph=True)
        assert_same(gradient, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_gradients_keep_the_memory_format_of_each_map(dtype: torch.dtype, device: torch.device, threads: int) -> None:
    planes = torch.randn(2, 20, 7, 5, device=device).to(dtype)
    large = torch.randn(2, 20, 13, 10, device=device).to(dtype)
    rois = random_rois(40, 2, 20, 28, torch.Generator().manual_seed(0)).to(device)
    map_index = torch.arange(40, device=device) % 2

    def gradients_of(*maps: Tensor) -> list[Tensor]:
        leaves = [each.detach().requires_grad_() for each in maps]
        pooled = spp_ops.roi_spatial_pyramid_pool(leaves, rois, (3, 2, 1), [0.25, 0.5], map_index=map_index)
        return gradients(pooled, leaves, whole_numbers(pooled))

    expected = gradients_of(planes, large)
    assert all(each.is_contiguous() for each in expected)
    last = [each.contiguous(memory_format=torch.channels_last) for each in (planes, large)]
    found = gradients_of(*last)
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in found)
    assert_same(found, expected)
    mixed = gradients_of(last[0], large)
    assert mixed[0].is_contiguous(memory_format=torch.channels_last)
    assert mixed[1].is_contiguous()
    assert_same(mixed, expected)


def test_second_derivatives_keep_the_memory_format(device: torch.device) -> None:
    features = torch.randn(1, 4, 6, 6, device=device).contiguous(memory_format=torch.channels_last).requires_grad_()
    rois = torch.tensor([[0.0, 0, 0, 5, 5], [0, 1, 1, 4, 3]], device=device)
    weights = torch.randn(2, 20, device=device, requires_grad=True)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (2, 1), 1.0)
    (gradient,) = torch.autograd.grad((pooled * weights).pow(3).sum(), features, create_graph=True)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    (second,) = torch.autograd.grad(gradient.pow(2).sum(), features)
    assert second.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.usefixtures("deterministic")
def test_repeated_runs_are_bitwise_equal(device: torch.device, threads: int) -> None:
    """Of gradients whose sums do depend on the order."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 70, 20, 30, generator=generator).to(device).requires_grad_()
    rois = random_rois(300, 2, 30, 20, generator).to(device)
    weights = torch.randn(300, 70 * 50, generator=generator).to(device)
    runs = [
        torch.autograd.grad(spp_ops.roi_spatial_pyramid_pool(features, rois), features, weights)[0] for _ in range(3)
    ]
    assert_same(runs[1:], runs[:1] * 2)


def test_cpu_gradients_do_not_depend_on_level_or_threads(cpu_level: str, threads: int) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 70, 20, 30, generator=generator).requires_grad_()
    rois = random_rois(200, 2, 30, 20, generator)
    weights = torch.randn(200, 70 * 50, generator=generator)
    (gradient,) = torch.autograd.grad(spp_ops.roi_spatial_pyramid_pool(features, rois), features, weights)
    torch.set_num_threads(1)
    with spp_ops._core.extension.force_cpu_level("baseline"):
        (expected,) = torch.autograd.grad(spp_ops.roi_spatial_pyramid_pool(features, rois), features, weights)
    assert_same(gradient, expected)


def distinct(*shape: int) -> Tensor:
    """Numbers so far apart that a numerical derivative changes no maximum."""
    count = torch.Size(shape).numel()
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return (order.double() / count).reshape(shape)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 16, 4, 4), (3, 17, 7, 9), (2, 40, 13, 13), (20, 130, 20, 17)])
def test_channels_last_gradients_hold_what_planes_hold(
    shape: tuple[int, ...], dtype: torch.dtype, cpu_level: str
) -> None:
    """Sums are written channels-last in squares of channels x cells: sizes with whole squares and with rests."""
    generator = torch.Generator().manual_seed(0)
    images, channels, height, width = shape
    features = torch.randn(shape, generator=generator).to(dtype)
    corners = torch.rand(30, 4, generator=generator) * torch.tensor([width / 2, height / 2, width, height])
    rois = torch.cat([torch.randint(images, (30, 1), generator=generator), corners], 1)
    weights = torch.randn(30, channels * 14, generator=generator).to(dtype)

    def gradient(leaf: torch.Tensor) -> torch.Tensor:
        pooled = spp_ops.roi_spatial_pyramid_pool(leaf, rois, (3, 2, 1))
        return torch.autograd.grad(pooled, leaf, weights)[0]

    last = gradient(features.contiguous(memory_format=torch.channels_last).requires_grad_())
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(last, gradient(features.requires_grad_()))
