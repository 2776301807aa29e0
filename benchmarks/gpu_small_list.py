"""A few small calls of every kernel, held against the reference: what compute-sanitizer can watch in minutes.

``python -m benchmarks.gpu_small_list [DEVICE]`` runs it, on "cuda" by default; the exit code is 0 only if all results
were right.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

import spp_ops
from spp_ops import Projection, reference

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
LEVELS = ([(6, 6), (3, 3), (2, 2), (1, 1)], [(10, 9), (2, 2)])  # the second leaves in runs: 94 bins
RULES = [Projection.rounded(1 / 16), Projection.rounded(1 / 8)]
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@dataclass(frozen=True)
class Shape:
    """Windows, and the sizes of the two maps that they lie on: what decides which way the kernels go.

    Attributes:
        dtypes: those it is run in.
    """

    name: str
    rows: int
    sizes: tuple[tuple[int, int], tuple[int, int]]
    dtypes: tuple[torch.dtype, ...] = DTYPES


SHAPES = (
    Shape("slices in shared memory", 80, ((11, 13), (12, 20))),
    Shape("few windows: a block each, tables under them only", 5, ((40, 70), (12, 20))),
)
# What the reference takes long for: more windows than half the warps of any GPU, on a map that no shared memory holds.
LONG = (Shape("a warp a window, tables in global memory", 1500, ((60, 100), (12, 20)), (torch.float32,)),)


def draw(shape: Shape, dtype: torch.dtype, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
    """Two maps of two images, one channels-last, and boxes on them."""
    maps = [torch.randint(-50, 50, (2, 9, *size), generator=generator).to(dtype) for size in shape.sizes]
    maps[1] = maps[1].contiguous(memory_format=torch.channels_last)
    corners = torch.rand(shape.rows, 4, generator=generator) * 250 - 20
    rois = torch.cat([torch.randint(0, 2, (shape.rows, 1), generator=generator), corners], 1)
    return maps, rois


def gradients(pooled: Tensor, maps: list[Tensor], seed: int) -> list[Tensor]:
    """Gradients of the maps, and through them (the second derivative) of the output's gradient."""
    weight = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    grad = weight.to(pooled.device, pooled.dtype).requires_grad_()
    first = torch.autograd.grad(pooled, maps, grad, create_graph=True)
    second = torch.autograd.grad([g.double().square().sum() for g in first], grad)
    return [*first, *second]


def results(
    pool: Callable[..., Tensor], shape: Shape, dtype: torch.dtype, levels: list[tuple[int, int]], device: str
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Pooled features and all gradients, then the maps and boxes they were made of."""
    generator = torch.Generator().manual_seed(0)
    maps, rois = draw(shape, dtype, generator)
    index = torch.randint(0, 2, (len(rois),), generator=generator).to(device)
    leaves = [m.to(device).requires_grad_() for m in maps]
    pooled = pool(leaves, rois.to(device), levels, RULES, map_index=index)
    return [pooled, *gradients(pooled, leaves, 0)], [m.detach() for m in leaves], rois.to(device)


def run(shape: Shape, dtype: torch.dtype, levels: list[tuple[int, int]], device: str) -> None:
    """One case; AssertionError where the device's results are not those of the reference on the CPU."""
    expected, _, _ = results(reference.roi_spatial_pyramid_pool, shape, dtype, levels, "cpu")
    for deterministic in (False, True):
        torch.use_deterministic_algorithms(deterministic)
        got, maps, rois = results(spp_ops.roi_spatial_pyramid_pool, shape, dtype, levels, device)
        for mine, wanted in zip(got, expected, strict=True):
            torch.testing.assert_close(mine.cpu(), wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * 10)
    torch.use_deterministic_algorithms(False)
    if device != "cpu":  # there a bad row is an error
        check_bad_rows(maps, rois, levels)


def check_bad_rows(maps: list[Tensor], rois: Tensor, levels: list[tuple[int, int]]) -> None:
    """Rows without an image or a finite corner give NaN; their neighbors do not notice."""
    rois[0, 0], rois[1, 1], rois[2, 0] = 7, float("nan"), -1
    pooled = spp_ops.roi_spatial_pyramid_pool(maps, rois, levels, RULES)
    assert pooled[:3].isnan().all()
    assert not pooled[3:].isnan().any()


def run_whole_maps(dtype: torch.dtype, device: str) -> None:
    """Whole maps; AssertionError where they are not pooled as by the reference on the CPU."""
    features = torch.randint(-50, 50, (3, 9, 13, 13), generator=torch.Generator().manual_seed(1)).to(dtype)
    expected = reference.spatial_pyramid_pool(features, (6, 3, 2, 1))
    pooled = spp_ops.spatial_pyramid_pool(features.to(device), (6, 3, 2, 1))
    assert torch.equal(pooled.cpu(), expected)


def main(device: str = "cuda") -> None:
    """Run all cases."""
    for shape in SHAPES if device == "cpu" else SHAPES + LONG:
        for dtype, levels in itertools.product(shape.dtypes, LEVELS):
            run(shape, dtype, levels, device)
            sys.stdout.write(f"right: {shape.name}: {dtype} {levels}\n")
    for dtype in DTYPES:
        run_whole_maps(dtype, device)
        sys.stdout.write(f"right: whole maps: {dtype}\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
