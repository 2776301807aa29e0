"""What "equal" means in these tests."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def assert_same(actual: Tensor | Sequence[Tensor], expected: Tensor | Sequence[Tensor]) -> None:
    """Equal to the bit in shape, dtype and every value, NaN being equal to NaN and -0 to +0."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=0, equal_nan=True, check_device=False)


def gradients(output: Tensor, inputs: Sequence[Tensor], weights: Tensor, create_graph: bool = False) -> list[Tensor]:
    """Vector-Jacobian products, zeros for an input that the output does not depend on."""
    return list(
        torch.autograd.grad(
            output, inputs, weights, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )
    )


def whole_numbers(like: Tensor, seed: int = 0) -> Tensor:
    """Small whole numbers, of which sums are exact in any order."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-2, 3, like.shape, generator=generator).to(like)
