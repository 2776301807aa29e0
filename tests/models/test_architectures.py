"""Map sizes, parameter counts, receptive fields and initialization of the paper's networks (section 3.1, table 1)."""

import pytest
import torch
from torch import nn

import spp_ops
from spp_ops import models

NETWORKS = sorted(models.PAPER_NETWORKS)
FC_6_TO_8 = 4096 * 4096 + 4096 + 4096 * 1000 + 1000  # fc7 and fc8; fc6 depends on what is below


def meta_net(name: str, **options: object) -> models.SPPNet:
    """A network without memory or numbers, for shapes and counts."""
    with torch.device("meta"):
        return models.create(name, **options)


def map_sides(name: str, size: int) -> dict[str, int]:
    """Side of the map after each convolution and pooling."""
    maps = torch.empty(1, 3, size, size, device="meta")
    sides = {}
    for layer, module in meta_net(name).backbone.named_children():
        maps = module(maps)
        assert maps.shape[2] == maps.shape[3]
        if layer.startswith(("conv", "pool")):
            sides[layer] = maps.shape[2]
    return sides


@pytest.mark.parametrize(
    ("name", "size", "sides"),
    [
        ("zf5", 224, [110, 55, 26, 13, 13, 13, 13]),
        ("zf5", 180, [88, 44, 20, 10, 10, 10, 10]),
        ("convnet5", 224, [55, 55, 27, 27, 13, 13, 13]),
        ("convnet5", 180, [44, 44, 21, 21, 10, 10, 10]),
        ("overfeat5", 224, [109, 36, 36, 18, 18, 18, 18]),
        ("overfeat5", 180, [87, 29, 29, 14, 14, 14, 14]),
        ("overfeat7", 224, [109, 36, 36, 18, 18, 18, 18, 18, 18]),
        ("overfeat7", 180, [87, 29, 29, 14, 14, 14, 14, 14, 14]),
    ],
)
def test_map_sizes(name: str, size: int, sides: list[int]) -> None:
    assert list(map_sides(name, size).values()) == sides


@pytest.mark.parametrize(
    ("name", "channels", "convolution_parameters"),
    [
        # out * in * kernel**2 + out, layer by layer
        ("zf5", 256, 14_208 + 614_656 + 885_120 + 1_327_488 + 884_992),
        ("convnet5", 256, 34_944 + 614_656 + 885_120 + 1_327_488 + 884_992),
        ("overfeat5", 512, 14_208 + 614_656 + 1_180_160 + 2 * 2_359_808),
        ("overfeat7", 512, 14_208 + 614_656 + 1_180_160 + 4 * 2_359_808),
    ],
)
def test_parameter_counts(name: str, channels: int, convolution_parameters: int) -> None:
    for levels, bins in ((6, 3, 2, 1), 50), ((4, 3, 2, 1), 30), (None, 36):
        net = meta_net(name, levels=levels)
        assert net.pooled_features == channels * bins
        fc6 = channels * bins * 4096 + 4096
        assert sum(p.numel() for p in net.parameters()) == convolution_parameters + fc6 + FC_6_TO_8


@pytest.mark.parametrize("name", NETWORKS)
def test_any_size_gives_one_length(name: str) -> None:
    net = meta_net(name)
    smallest = models.smallest_input(net.backbone)
    for height, width in (smallest, smallest), (smallest, 600), (180, 180), (224, 224), (400, 600), (333, 257):
        scores = net(torch.empty(2, 3, height, width, device="meta"))
        assert scores.shape == (2, 1000)
    with pytest.raises(ValueError, match=f"{smallest - 1} x {smallest - 1} image does not pass"):
        models.map_shape(net.backbone, smallest - 1, smallest - 1)


def test_zf5_runs_at_its_smallest_size() -> None:
    torch.manual_seed(0)
    net = models.zf5(num_classes=3, hidden=(8,)).eval()
    smallest = models.smallest_input(net.backbone)
    for size in (smallest, smallest), (smallest + 40, smallest + 3):
        scores = net(torch.randn(2, 3, *size))
        assert scores.shape == (2, 3)
        assert scores.isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_without_pyramid_only_224(name: str) -> None:
    net = meta_net(name, levels=None)
    assert net(torch.empty(1, 3, 224, 224, device="meta")).shape == (1, 1000)
    pooled = net.pool[0](net.backbone(torch.empty(1, 3, 224, 224, device="meta")))
    assert pooled.shape[2:] == (6, 6)
    with pytest.raises(ValueError, match="224 x 224"):
        net(torch.empty(1, 3, 320, 320, device="meta"))


@pytest.mark.parametrize(
    ("name", "size", "stride", "center"),
    [("zf5", 139, 16, 20), ("convnet5", 131, 16, 15), ("overfeat5", 113, 12, 8), ("overfeat7", 161, 12, 8)],
)
def test_receptive_field(name: str, size: int, stride: int, center: float) -> None:
    field = spp_ops.receptive_field(meta_net(name).backbone)
    assert field == spp_ops.ReceptiveField(size, stride, center)


def test_zf5_sees_no_more_than_its_receptive_field() -> None:
    """Without normalization, which reaches further, the cell at (3, 4) sees the very pixels that the formula says."""
    stages = tuple(
        models.architectures.Stage(s.channels, s.kernel, s.stride, s.padding, s.then[1:])
        for s in models.architectures.ZF5
    )
    backbone = models.architectures.convolutions(stages).double()
    for module in backbone.modules():
        if isinstance(module, nn.MaxPool2d):
            module.forward = nn.AvgPool2d(3, 2, ceil_mode=True).forward  # every input counts
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    field = spp_ops.receptive_field(backbone)
    image = torch.ones(1, 3, 300, 300, dtype=torch.float64, requires_grad=True)
    backbone(image)[0, 0, 7, 8].backward()
    seen = image.grad[0].sum(0).nonzero()
    for axis, cell in ((0, 7), (1, 8)):
        first, last = seen[:, axis].min().item(), seen[:, axis].max().item()
        assert last - first + 1 == field.size[0]
        assert (first + last) / 2 == field.center[0] + cell * field.stride[0]


def test_initialization() -> None:
    torch.manual_seed(0)
    net = models.zf5(hidden=(64, 32))
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.01, rel=0.05), name
            ones = name.split(".")[1] in ("conv2", "conv4", "conv5", "fc6", "fc7", "fc8")
            assert (module.bias == float(ones)).all(), name


def test_dropout_after_both_hidden_layers() -> None:
    names = dict(meta_net("zf5").head.named_children())
    assert list(names) == ["fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]
    assert names["drop6"].p == names["drop7"].p == 0.5
