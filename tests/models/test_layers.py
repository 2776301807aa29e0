"""Normalization within channels against its formula written out."""

import pytest
import torch

import spp_ops
from spp_ops.models import WithinChannelLRN


def by_the_formula(features: torch.Tensor, size: int, alpha: float, beta: float) -> torch.Tensor:
    result = torch.empty_like(features)
    radius = size // 2
    for n, c, y, x in torch.cartesian_prod(*map(torch.arange, features.shape)).tolist():
        neighbors = features[n, c, max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
        result[n, c, y, x] = features[n, c, y, x] * (1 + alpha * (neighbors**2).sum() / size**2) ** -beta
    return result


@pytest.mark.parametrize(("size", "alpha", "beta"), [(3, 5e-5, 0.75), (5, 0.3, 0.5), (1, 2.0, 1.0)])
def test_formula(size: int, alpha: float, beta: float) -> None:
    features = 10 * torch.randn(2, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        WithinChannelLRN(size, alpha, beta)(features), by_the_formula(features, size, alpha, beta)
    )


def test_gradient_and_untouched_input() -> None:
    features = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    before = features.detach().clone()
    assert torch.autograd.gradcheck(WithinChannelLRN(3, 0.3, 0.75), features)
    assert (features == before).all()


def test_even_size_is_refused() -> None:
    with pytest.raises(ValueError, match="size: expected an odd number"):
        WithinChannelLRN(2)


def test_receptive_field_is_the_cell_itself() -> None:
    assert spp_ops.receptive_field(WithinChannelLRN()) == spp_ops.ReceptiveField(1, 1, 0)
