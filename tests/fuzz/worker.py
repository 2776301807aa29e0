"""Runs cases from one seed on, each announced on the standard output before it starts: `python -m fuzz.worker`."""

from __future__ import annotations

import random
import sys
import warnings

import torch

from fuzz.calls import random_case
from fuzz.checks import check_call
from fuzz.operators import check_operators
from fuzz.others import check_other_calls
from fuzz.spoilt import check_spoilt_call
from spp_ops._core import extension

LEVELS = ["baseline", "avx2", "avx512"]


def run_case(seed: int) -> None:
    """A random call, on a random level of the CPU kernels and number of threads."""
    rng = random.Random(seed)
    levels = [name for name in LEVELS if torch.ops.spp_ops.set_cpu_level(name)]
    torch.set_num_threads(rng.choice([1, 2, 3, 4]))
    case = random_case(rng)
    with extension.force_cpu_level(rng.choice(levels)):
        kind = rng.random()
        if kind < 0.6:
            check_call(case, rng)
        elif kind < 0.9:
            check_spoilt_call(case, rng)
        else:
            check_operators(case, rng)
            check_other_calls(rng)


def main() -> None:
    """`python -m fuzz.worker SEED COUNT`; ends at the first failure."""
    warnings.simplefilter("ignore")
    first, count = int(sys.argv[1]), int(sys.argv[2])
    for seed in range(first, first + count):
        print(seed, flush=True)
        run_case(seed)
    print("done", flush=True)


if __name__ == "__main__":
    main()
