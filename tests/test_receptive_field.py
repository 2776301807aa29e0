"""Receptive fields of layer stacks: by hand, and by asking which pixels a cell's value depends on."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from spp_ops.receptive_field import ReceptiveField, Step, receptive_field


def test_zf5() -> None:
    zf5 = nn.Sequential(
        *(nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), nn.LocalResponseNorm(3), nn.MaxPool2d(3, 2, ceil_mode=True)),
        *(nn.Conv2d(96, 256, 5, 2), nn.ReLU(), nn.LocalResponseNorm(3), nn.MaxPool2d(3, 2, ceil_mode=True)),
        nn.Sequential(*(nn.Conv2d(256, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 384, 3, 1, 1), nn.ReLU())),
        nn.Sequential(OrderedDict(conv5=nn.Conv2d(384, 256, 3, 1, 1), relu5=nn.ReLU())),
    )
    assert receptive_field(zf5) == ReceptiveField(size=139, stride=16, center=20)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv2d(3, 8, 7, 2, 3), ReceptiveField(7, 2, 0)),
        (nn.Conv2d(3, 8, (3, 5), (1, 2), (0, 2)), ReceptiveField((5, 3), (2, 1), (0, 1))),
        (nn.Conv2d(3, 8, 3, dilation=4), ReceptiveField(9, 1, 4)),
        (nn.Conv2d(3, 8, 4, padding="same"), ReceptiveField(4, 1, 0.5)),
        (nn.Conv2d(3, 8, 4, padding="valid"), ReceptiveField(4, 1, 1.5)),
        (nn.MaxPool2d(2), ReceptiveField(2, 2, 0.5)),
        (nn.MaxPool2d(3, 2, 1, dilation=2), ReceptiveField(5, 2, 1)),
        (nn.AvgPool2d((2, 4), ceil_mode=True), ReceptiveField((4, 2), (4, 2), (1.5, 0.5))),
        (nn.LPPool2d(2, 3), ReceptiveField(3, 3, 1)),
        (nn.ZeroPad2d((1, 2, 3, 4)), ReceptiveField(1, 1, (-1, -3))),
        (nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(3, 8, 3)), ReceptiveField(3, 1, 0)),
        (nn.Sequential(), ReceptiveField(1, 1, 0)),
        (nn.Sequential(nn.BatchNorm2d(3), nn.GELU(), nn.Dropout(), nn.GroupNorm(1, 3)), ReceptiveField(1, 1, 0)),
    ],
    ids=lambda value: " ".join(str(value).split()),
)
def test_layers(layer: nn.Module, expected: ReceptiveField) -> None:
    assert receptive_field(layer) == expected


kernels = st.tuples(st.integers(1, 4), st.integers(1, 4))
convolutions = st.builds(
    lambda kernel, stride, dilation: nn.Conv2d(1, 1, kernel, stride, 0, dilation, bias=False),
    kernels,
    st.tuples(st.integers(1, 2), st.integers(1, 3)),
    st.integers(1, 2),
)
poolings = st.builds(nn.AvgPool2d, kernels, st.integers(1, 2))


@settings(max_examples=30)
@given(layers=st.lists(convolutions | poolings, min_size=1, max_size=4), cell=st.tuples(*[st.integers(0, 2)] * 2))
def test_a_cell_depends_on_the_pixels_of_its_field(layers: list[nn.Module], cell: tuple[int, int]) -> None:
    """Without padding, the pixels with a gradient span exactly the field."""
    net = nn.Sequential(*layers).double()
    for parameter in net.parameters():
        nn.init.uniform_(parameter, 0.5, 1)
    field = receptive_field(net)
    extents = [size + 2 * stride for size, stride in zip(field.size, field.stride, strict=True)]
    image = torch.zeros(1, 1, extents[1], extents[0], dtype=torch.float64, requires_grad=True)
    x, y = cell
    (gradient,) = torch.autograd.grad(net(image)[0, 0, y, x], image)
    _, _, rows, columns = gradient.nonzero(as_tuple=True)
    for axis, (index, seen) in enumerate(((x, columns), (y, rows))):
        center = field.center[axis] + index * field.stride[axis]
        reach = (field.size[axis] - 1) / 2
        assert (seen.min(), seen.max()) == (center - reach, center + reach)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: torchvision.models.vgg16().features, ReceptiveField(212, 32, 15.5)),
        (lambda: torchvision.models.alexnet().features, ReceptiveField(195, 32, 31)),
        (lambda: nn.Sequential(*list(torchvision.models.resnet18().children())[:-2]), ReceptiveField(435, 32, 0)),
        (lambda: torchvision.models.squeezenet1_0().features, ReceptiveField(155, 16, 17)),
        (lambda: torchvision.models.mobilenet_v2().features, ReceptiveField(491, 32, 0)),
    ],
    ids=["vgg16", "alexnet", "resnet18", "squeezenet", "mobilenet_v2"],
)
def test_backbones(make, expected: ReceptiveField) -> None:  # type: ignore[no-untyped-def]
    assert receptive_field(make()) == expected


class Branches(nn.Module):
    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def test_branches_see_their_union() -> None:
    left, wide = nn.Conv2d(1, 1, 2, padding=2), nn.Conv2d(1, 1, 5, padding=1)
    assert receptive_field(Branches(left, wide)) == ReceptiveField(6, 1, 0.5)  # -2..-1 and -1..3


class Declared(nn.Module):
    receptive_field_step = Step(kernel=3, stride=(2, 1), padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Undeclared(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_a_layer_may_declare_its_step() -> None:
    assert receptive_field(nn.Sequential(nn.MaxPool2d(2), Declared())) == ReceptiveField((6, 6), (4, 2), (0.5, 0.5))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Flatten(), r"^module: Flatten"),
        (nn.Sequential(nn.Conv2d(1, 1, 3), nn.Sequential(nn.ReLU(), nn.Flatten())), r"^1\.1: Flatten"),
        (nn.Sequential(OrderedDict(head=nn.Linear(3, 3))), r"^head: Linear"),
        (nn.AdaptiveAvgPool2d(3), r"^module: AdaptiveAvgPool2d"),
        (nn.ConvTranspose2d(1, 1, 2), r"^module: ConvTranspose2d"),
        (nn.Sequential(nn.Upsample(2)), r"^0: Upsample"),
        (nn.Sequential(nn.ReLU(), nn.Sequential(Undeclared())), r"^1\.0: cannot trace Undeclared"),
        (nn.Sequential(Branches(nn.MaxPool2d(2), nn.Identity())), r"^0: maps of different strides meet"),
        (nn.Sequential(nn.Conv2d(1, 1, 3), Branches()), r"^1: "),
    ],
)
def test_what_cannot_be_analyzed_is_named(module: nn.Module, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        receptive_field(module)


def test_only_modules_have_a_field() -> None:
    with pytest.raises(TypeError, match=r"module: expected an nn\.Module, got int"):
        receptive_field(3)  # type: ignore[arg-type]


def test_text() -> None:
    assert str(ReceptiveField(139, 16, 20)) == "ReceptiveField(size=139, stride=16, center=20)"
    assert str(ReceptiveField((5, 3), 2, (0, 1.5))) == "ReceptiveField(size=(5, 3), stride=2, center=(0, 1.5))"
