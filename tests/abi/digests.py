"""Digests of everything that random calls give, as JSON: `python -m abi.digests FIRST_SEED COUNT`.

Numbers here need not be exact as elsewhere in the tests: sums are in a fixed order, so equal machine code gives equal
bits, whatever PyTorch is around it.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from fuzz.calls import random_case
from strategies import Case
from torch import Tensor

import spp_ops
from spp_ops._core import checks, extension

OPS = torch.ops.spp_ops
LEVELS = ("baseline", "avx2", "avx512")
MOST_NUMBERS = 200_000  # in a result, beyond which a case says nothing new and takes long


def results(case: Case, generator: torch.Generator) -> Iterator[tuple[str, Sequence[Tensor]]]:
    """What one call takes and gives, by name: results, picks, derivatives of both orders and both modes."""
    maps = [each.resolve_neg() for each in case.maps]
    yield "inputs", [*maps, case.rois]
    pooled = case.call(spp_ops.roi_spatial_pyramid_pool)
    yield "pooled", [pooled]
    levels = [n for pair in checks.level_pairs(case.levels) for n in pair]
    rules = [number for rule in case.projections for number in rule.numbers()]
    chosen = None if case.map_index is None else case.map_index.long()
    arguments = (maps, case.rois, chosen, levels, rules, case.target_area)
    yield "with indices", OPS.roi_spatial_pyramid_pool_with_indices(*arguments)
    yield "whole maps", [spp_ops.spatial_pyramid_pool(each, case.levels) for each in maps]

    leaves = case.leaves()
    inflow = torch.randn(pooled.shape, generator=generator).to(pooled).requires_grad_()
    directions = [torch.randn(each.shape, generator=generator).to(each) for each in maps]
    yield "directions", [inflow, *directions]
    again = case.call(spp_ops.roi_spatial_pyramid_pool, leaves)
    gradients = torch.autograd.grad(again, leaves, inflow, create_graph=True)
    yield "gradients", gradients
    yield "second order", torch.autograd.grad(gradients, inflow, directions)

    def pool(*given: Tensor) -> Tensor:
        return case.call(spp_ops.roi_spatial_pyramid_pool, given)

    apart = tuple(each.contiguous() for each in maps)  # a dual tensor's cells may not share memory
    yield "forward mode", torch.func.jvp(pool, apart, tuple(directions))
    yield "batched", [torch.func.vmap(pool)(*(torch.stack([each, each.flip(3)]) for each in maps))]


def digest(tensors: Sequence[Tensor]) -> str:
    """Of shapes, types and bits."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tensor.dtype} {list(tensor.shape)};".encode())
        found.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def digests(first: int, count: int) -> dict[str, str]:
    """Digests by case, CPU level and result."""
    levels = [name for name in LEVELS if OPS.set_cpu_level(name)]
    found = {}
    for seed in range(first, first + count):
        rng = random.Random(seed)
        torch.set_num_threads(rng.choice([1, 2, 3]))
        case = random_case(rng)
        numbers = len(case.rois) * case.maps[0].shape[1] * sum(r * c for r, c in checks.level_pairs(case.levels))
        if numbers > MOST_NUMBERS:
            continue
        for level in levels if seed % 4 == 0 else levels[-1:]:
            with extension.force_cpu_level(level):
                for name, tensors in results(case, torch.Generator().manual_seed(seed)):
                    found[f"seed {seed}, {level}, {name}"] = digest(tensors)
    return found


def main() -> None:
    """Print what ran, and every digest."""
    warnings.simplefilter("ignore")
    binary = Path(spp_ops._C.__file__)
    report = {
        "torch": torch.__version__,
        "binary": f"{binary} {hashlib.sha256(binary.read_bytes()).hexdigest()}",
        "digests": digests(int(sys.argv[1]), int(sys.argv[2])),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
