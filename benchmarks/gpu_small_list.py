"""A few small calls of every kernel, held against the reference: what compute-sanitizer can watch in minutes.

``python -m benchmarks.gpu_small_list [DEVICE]`` runs it, on "cuda" by default; the exit code is 0 only if all results
were right.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

import torch
from torch import Tensor

import spp_ops
from spp_ops import Projection, reference

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
LEVELS = ([(6, 6), (3, 3), (2, 2), (1, 1)], [(10, 9), (2, 2)])  # the second leaves in runs: 94 bins
RULES = [Projection.rounded(1 / 16), Projection.rounded(1 / 8)]
ROWS = 80  # enough for tables of squares to pay on these maps
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


def draw(dtype: torch.dtype, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
    """Two maps of two images, one channels-last, and boxes on them, a bad one among them."""
    maps = [torch.randint(-50, 50, (2, 9, *size), generator=generator).to(dtype) for size in ((11, 13), (12, 20))]
    maps[1] = maps[1].contiguous(memory_format=torch.channels_last)
    corners = torch.rand(ROWS, 4, generator=generator) * 250 - 20
    rois = torch.cat([torch.randint(0, 2, (ROWS, 1), generator=generator), corners], 1)
    return maps, rois


def gradients(pooled: Tensor, maps: list[Tensor], seed: int) -> list[Tensor]:
    """Gradients of the maps, and through them (the second derivative) of the output's gradient."""
    weight = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    grad = weight.to(pooled.device, pooled.dtype).requires_grad_()
    first = torch.autograd.grad(pooled, maps, grad, create_graph=True)
    second = torch.autograd.grad([g.double().square().sum() for g in first], grad)
    return [*first, *second]


def results(
    pool: Callable[..., Tensor], dtype: torch.dtype, levels: list[tuple[int, int]], device: str
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Pooled features and all gradients, then the maps and boxes they were made of."""
    generator = torch.Generator().manual_seed(0)
    maps, rois = draw(dtype, generator)
    index = torch.randint(0, 2, (len(rois),), generator=generator).to(device)
    leaves = [m.to(device).requires_grad_() for m in maps]
    pooled = pool(leaves, rois.to(device), levels, RULES, map_index=index)
    return [pooled, *gradients(pooled, leaves, 0)], [m.detach() for m in leaves], rois.to(device)


def run(dtype: torch.dtype, levels: list[tuple[int, int]], device: str) -> None:
    """One case; AssertionError where the device's results are not those of the reference on the CPU."""
    expected, _, _ = results(reference.roi_spatial_pyramid_pool, dtype, levels, "cpu")
    for deterministic in (False, True):
        torch.use_deterministic_algorithms(deterministic)
        got, maps, rois = results(spp_ops.roi_spatial_pyramid_pool, dtype, levels, device)
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


def main(device: str = "cuda") -> None:
    """Run all cases."""
    for dtype, levels in itertools.product(DTYPES, LEVELS):
        run(dtype, levels, device)
        sys.stdout.write(f"right: {dtype} {levels}\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
