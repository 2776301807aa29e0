"""SPPNet over any stack of convolutions."""

import pytest
import torch
from torch import nn

import spp_ops
from spp_ops.models import SPPNet, map_shape, smallest_input, zf5


def small_backbone() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 5, 3))


def test_scores_are_head_of_pooled_maps() -> None:
    net = SPPNet(small_backbone(), (3, (1, 2)), num_classes=4, hidden=(6,)).eval()
    images = torch.randn(2, 3, 40, 31)
    rows = spp_ops.spatial_pyramid_pool(net.backbone(images), (3, (1, 2)))
    assert net.pooled_features == rows.shape[1] == 5 * 11
    torch.testing.assert_close(net(images), net.head(rows))


def test_building_leaves_the_backbone_as_it_is() -> None:
    backbone = small_backbone()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    SPPNet(backbone, (2, 1), 3, hidden=())
    assert all((tensor == before[name]).all() for name, tensor in backbone.state_dict().items())


def test_features_of_every_layer() -> None:
    torch.manual_seed(0)
    net = zf5(num_classes=3, hidden=(7, 6)).eval()
    images = torch.randn(2, 3, 64, 80)
    maps = net.backbone(images)
    torch.testing.assert_close(net.features(images, "conv"), maps)
    torch.testing.assert_close(net.features(images, "conv5"), maps)
    rows = net.features(images, "spp")
    torch.testing.assert_close(rows, spp_ops.spatial_pyramid_pool(maps, (6, 3, 2, 1)))
    fc6 = net.head.fc6(rows).relu()
    torch.testing.assert_close(net.features(images, "fc6"), fc6)
    torch.testing.assert_close(net.head_features(rows, "fc7"), net.head.fc7(fc6).relu())
    torch.testing.assert_close(net.features(images, "fc8"), net(images))
    assert net.features(images, "conv1").shape[1] == 96
    assert net.features(images, "pool2").shape[1] == 256
    assert (net.features(images, "conv4") >= 0).all()  # its ReLU is part of it


def test_gradient_reaches_the_first_layer() -> None:
    net = SPPNet(small_backbone(), (2, 1), 3, hidden=(6,))
    net(torch.randn(2, 3, 33, 35)).sum().backward()
    assert net.backbone[0].weight.grad.abs().sum() > 0


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="levels, pool: expected exactly one"):
        SPPNet(small_backbone(), None)
    with pytest.raises(ValueError, match="num_classes: expected at least 1, got 0"):
        SPPNet(small_backbone(), (1,), 0)
    with pytest.raises(ValueError, match=r"backbone: expected maps \[N, C, H, W\]"):
        SPPNet(nn.Sequential(small_backbone(), nn.Flatten()), (1,))
    with pytest.raises(ValueError, match=r"layer: expected one of .*, got 'fc9'"):
        SPPNet(small_backbone(), (1,), 3).features(torch.zeros(1, 3, 32, 32), "fc9")


def test_shapes_without_computing() -> None:
    assert map_shape(small_backbone(), 40, 31) == (5, 17, 13)
    assert smallest_input(small_backbone()) == 7
    with pytest.raises(ValueError, match="6 x 6 image does not pass"):
        map_shape(small_backbone(), 6, 6)
