"""Checks that anyone can run on their own machine: kernels against the reference, gradients against differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

import spp_ops
from spp_ops import Projection
from spp_ops._core.checks import Levels
from spp_ops.receptive_field import ReceptiveField

_FIELD = ReceptiveField(size=9, stride=4, center=2)


@dataclass(frozen=True)
class GradientCase:
    """One way of calling the operator, small enough for numerical differentiation."""

    name: str
    levels: Levels
    projections: tuple[Projection, ...]  # one a map
    sizes: tuple[tuple[int, int], ...] = ((4, 5),)  # rows and columns of each map
    target_area: float = 224.0**2


GRADIENT_CASES = (
    GradientCase("cells, {6,3,2,1}", (6, 3, 2, 1), (Projection.cells(),)),
    GradientCase("rounded, {4,2,1}", (4, 2, 1), (Projection.rounded(0.25),)),
    GradientCase("receptive field, {6,3,2,1}", (6, 3, 2, 1), (Projection.receptive_field(_FIELD, inset=1.5),)),
    GradientCase("floor-ceil, {4,3,2,1}", (4, 3, 2, 1), (Projection.floor_ceil(4),)),
    GradientCase("rounded, {2x3,1x4}", ((2, 3), (1, 4)), (Projection.rounded(0.25),)),
    GradientCase(
        "3 maps by nearest area, {3,2,1}",
        (3, 2, 1),
        tuple(Projection.rounded(scale) for scale in (0.12, 0.2, 0.3)),
        ((2, 3), (4, 5), (5, 7)),
        target_area=5.0,
    ),
)


@dataclass(frozen=True)
class GradientResult:
    """What became of one case; a failure says what went wrong, in one line."""

    name: str
    inputs: int
    outputs: int
    failure: str | None


def check_gradients(
    device: torch.device, seed: int = 0, begin: Callable[[str], None] = lambda _: None
) -> Iterator[GradientResult]:
    """Run every case in float64: output and gradient equal to the reference's, gradcheck, gradgradcheck.

    `begin` is called with the name of each case before it runs.
    """
    for number, case in enumerate(GRADIENT_CASES):
        begin(case.name)
        with _one_thread():
            result = _check(case, device, torch.Generator().manual_seed(seed + number))
        yield result


@contextmanager
def _one_thread() -> Iterator[None]:
    """Thousands of tiny calls gain nothing from threads, and where cores are busy they wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check(case: GradientCase, device: torch.device, generator: torch.Generator) -> GradientResult:
    images, channels, windows = 2, 2, 2
    maps = [
        torch.randn(images, channels, *size, dtype=torch.float64, generator=generator).to(device).requires_grad_()
        for size in case.sizes
    ]
    rois = _random_rois(windows, images, in_cells=case.projections == (Projection.cells(),), generator=generator)
    rois = rois.to(device)

    arguments = {"rois": rois, "levels": case.levels, "projection": case.projections, "target_area": case.target_area}

    def pool(*features: Tensor) -> Tensor:
        return spp_ops.roi_spatial_pyramid_pool(features, **arguments)  # type: ignore[arg-type]

    output, expected = pool(*maps), spp_ops.reference.roi_spatial_pyramid_pool(maps, **arguments)  # type: ignore[arg-type]
    failure = None
    try:
        torch.testing.assert_close(output, expected, rtol=0, atol=0)
        weights = torch.randn(output.shape, dtype=torch.float64, generator=generator).to(device)
        gradients = torch.autograd.grad(output, maps, weights)
        # The reference does not touch a map that serves no window.
        torch.testing.assert_close(gradients, torch.autograd.grad(expected, maps, weights, materialize_grads=True))
        # Sums of gradients on a GPU come in any order: equal to rounding, not to the bit.
        gradcheck(pool, maps, nondet_tol=1e-12)
        gradgradcheck(pool, maps, nondet_tol=1e-12)
    except (AssertionError, RuntimeError) as error:  # gradcheck's own error is a RuntimeError
        failure = " ".join(str(error).split())
    return GradientResult(case.name, sum(m.numel() for m in maps), output.numel(), failure)


def _random_rois(windows: int, images: int, in_cells: bool, generator: torch.Generator) -> Tensor:
    """[windows, 5], whole numbers in an image of 20 x 16 pixels or a map of 5 x 4 cells, at least two to a side."""
    limit = torch.tensor([5, 4] if in_cells else [20, 16])
    corners = (torch.rand(2, windows, 2, generator=generator) * (limit - 1)).floor()
    low, high = corners.amin(0), corners.amax(0) + 2
    image = torch.randint(images, (windows, 1), generator=generator)
    return torch.cat([image, low, high], dim=1)


def differing_windows(
    maps: Sequence[Tensor], windows: Tensor, levels: Levels, projections: Sequence[Projection], target_area: float
) -> int:
    """How many of the windows [R, 4] on image 0 the kernels pool otherwise than the reference, to the bit."""
    rois = torch.nn.functional.pad(windows, (1, 0))
    pooled, expected = (
        function(maps, rois, levels, projections, target_area=target_area)
        for function in (spp_ops.roi_spatial_pyramid_pool, spp_ops.reference.roi_spatial_pyramid_pool)
    )
    return int((pooled != expected).any(dim=1).sum())
