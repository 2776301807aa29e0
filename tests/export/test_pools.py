"""Max pooling in ceil mode as graphs of open sizes have it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spp_ops.export.pools import PaddedMaxPool2d, with_open_sizes


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (2, 2), (3, 1), ((3, 2), (2, 1)), (5, 3)])
def test_it_gives_what_ceil_mode_gives(kernel: int | tuple[int, int], stride: int | tuple[int, int]) -> None:
    pool = nn.MaxPool2d(kernel, stride, ceil_mode=True)
    for height in range(5, 14):
        for width in (5, 8, 11):
            maps = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height))
            assert torch.equal(PaddedMaxPool2d(pool)(maps), pool(maps))


def test_a_stack_is_copied_where_that_is_needed_and_has_open_sizes() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2))
    assert with_open_sizes(plain) is plain
    stack = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True)), nn.ReLU()).eval()
    graph = with_open_sizes(stack)
    assert isinstance(stack[1][0], nn.MaxPool2d)
    side = torch.export.Dim("height", min=8, max=100)
    program = torch.export.export(graph, (torch.randn(1, 3, 20, 20),), dynamic_shapes=({2: side},)).module()
    for height in (9, 10, 37):
        image = torch.randn(1, 3, height, 20)
        torch.testing.assert_close(program(image), stack(image))


def test_poolings_that_must_stay() -> None:
    for pool in (
        nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
        nn.MaxPool2d(2, 3, ceil_mode=True),
        nn.MaxPool2d(3, 2, ceil_mode=True, return_indices=True),
        nn.MaxPool2d(3, 2),
    ):
        assert with_open_sizes(nn.Sequential(pool))[0] is pool  # type: ignore[index]
    assert isinstance(with_open_sizes(nn.MaxPool2d(3, 2, ceil_mode=True)), PaddedMaxPool2d)
