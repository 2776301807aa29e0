"""A pyramid of adaptive poolings as one module."""

from __future__ import annotations

import pytest
import torch
from agreement import assert_same
from torch import nn

from spp_ops.compat import AdaptiveMaxPyramid2d


def test_it_is_the_concatenation_of_the_modules_to_the_bit() -> None:
    pools = [nn.AdaptiveMaxPool2d(4), nn.AdaptiveMaxPool2d((2, 3)), nn.AdaptiveMaxPool2d((1, 1))]
    for shape in ((2, 5, 13, 9), (1, 3, 2, 2), (0, 3, 7, 7)):
        features, again = torch.randn(shape).requires_grad_(), None
        again = features.detach().clone().requires_grad_()
        pooled = AdaptiveMaxPyramid2d(pools)(features)
        expected = torch.cat([pool(again).flatten(1) for pool in pools], dim=1)
        assert_same(pooled, expected)
        weights = torch.randn_like(pooled)
        (pooled * weights).sum().backward()
        (expected * weights).sum().backward()
        torch.testing.assert_close(features.grad, again.grad)


def test_sizes_do_as_well_as_modules() -> None:
    features = torch.randn(1, 2, 8, 8)
    by_modules = AdaptiveMaxPyramid2d([nn.AdaptiveMaxPool2d(3), nn.AdaptiveMaxPool2d((2, 1))])
    assert_same(AdaptiveMaxPyramid2d([3, (2, 1)])(features), by_modules(features))
    assert repr(by_modules) == "AdaptiveMaxPyramid2d([(3, 3), (2, 1)])"


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (nn.AvgPool2d(2), "pools: expected nn.AdaptiveMaxPool2d without indices, got AvgPool2d"),
        (nn.AdaptiveMaxPool2d(2, return_indices=True), "pools: expected nn.AdaptiveMaxPool2d without indices"),
        (nn.AdaptiveMaxPool2d((None, 2)), "pools: expected numbers of rows and columns, got .*follows the map"),
        (0, "output_size: expected positive numbers, got 0"),
    ],
)
def test_others_are_refused(pool: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdaptiveMaxPyramid2d([pool])  # type: ignore[list-item]
