"""The small network: its sizes, its geometry, and that `create` knows it."""

import pytest
import torch

import spp_ops
from spp_ops import models


def test_maps_parameters_and_receptive_field() -> None:
    net = models.create("small5", 10, (4, 2, 1), hidden=(128,))
    assert models.map_shape(net.backbone, 224, 224) == (128, 28, 28)
    assert sum(tensor.numel() for tensor in net.backbone.parameters()) == 1_824 + 10_416 + 41_568 + 110_720 + 147_584
    assert spp_ops.receptive_field(net.backbone) == spp_ops.ReceptiveField(size=67, stride=8, center=3)


@pytest.mark.parametrize("levels", [(3, 1), None])
def test_scores_without_and_with_a_pyramid(levels: tuple[int, ...] | None) -> None:
    net = models.small5(7, levels).eval()
    assert net(torch.zeros(2, 3, 224, 224)).shape == (2, 7)


def test_signals_keep_their_size_on_the_way_up() -> None:
    torch.manual_seed(0)
    maps = models.small5().backbone(torch.randn(1, 3, 256, 256))
    assert 0.3 < float(maps.detach().square().mean().sqrt()) < 5
