"""Receptive fields of layer stacks: by hand, and by asking which pixels a cell's value depends on."""

from __future__ import annotations

import inspect
import pickle
import sys
from collections import OrderedDict
from typing import Any

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import spp_ops
from spp_ops.receptive_field import ReceptiveField, Step, measure, receptive_field


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
        (nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.PixelUnshuffle(2)), ReceptiveField(5, 4, 1)),
        (nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.PixelShuffle(2)), ReceptiveField(5, 2, -1)),
        (nn.Sequential(nn.MaxPool2d(4), nn.Upsample(scale_factor=2)), ReceptiveField(6, 2, 0.5)),
        (nn.Sequential(nn.CrossMapLRN2d(3), nn.LocalResponseNorm(3), nn.ChannelShuffle(1)), ReceptiveField(1, 1, 0)),
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.PReLU(), nn.GLU(1), nn.Softmax2d()), ReceptiveField(1, 1, 0)),
        (nn.Sequential(nn.CircularPad2d(1), nn.Conv2d(3, 4, 3)), ReceptiveField(3, 1, 0)),
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
    left = nn.Sequential(nn.ZeroPad2d((2, -1, 2, -1)), nn.Conv2d(1, 1, 2))
    wide = nn.Sequential(nn.ZeroPad2d((1, 3, 1, 3)), nn.Conv2d(1, 1, 5))
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


def test_a_stack_may_declare_its_field() -> None:
    """What is known of a module from elsewhere goes before what could be read."""
    stack, field = nn.Conv2d(3, 4, 3), ReceptiveField((11, 7), (4, 2), (1.5, 0))
    stack.receptive_field_step = field  # type: ignore[assignment]
    assert receptive_field(stack) == field
    assert receptive_field(nn.Sequential(nn.MaxPool2d(2), stack)) == ReceptiveField((22, 14), (8, 4), (3.5, 0.5))


class Gated(nn.Module):
    """Everything that scales a cell or moves its numbers about without moving where it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8, 1, 1))
        self.squeeze, self.excite, self.local = nn.Conv2d(8, 2, 1), nn.Linear(2, 8), nn.Conv1d(1, 1, 3, padding=1)
        self.norm, self.mix, self.depthwise = nn.LayerNorm(8), nn.Linear(8, 8), nn.Conv2d(8, 8, 5, 1, 2, groups=8)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.excite(self.squeeze(x.mean((2, 3), keepdim=True)).relu().flatten(1)).sigmoid()  # squeeze, excite
        gate = gate * self.local(F.adaptive_avg_pool2d(x, 1).flatten(1)[:, None])[:, 0].sigmoid()  # efficient channels
        x = x * gate[:, :, None, None] * self.scale + self.scale
        x = x * x.mean(3, keepdim=True).sigmoid() * x.amax(2, keepdim=True)  # a strip for each axis
        x = x.unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2)  # shuffled channels
        x = self.mix(self.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)  # channels last, as in ConvNeXt
        tokens = x.flatten(2).transpose(1, 2)
        context = torch.einsum("nlc,nld->ncd", tokens, tokens.softmax(1))  # over the whole map
        x = x + (tokens @ context).transpose(1, 2).reshape(x.shape)
        low, high = x.chunk(2, dim=1)
        return self.depthwise(torch.cat([low, high * 2], dim=1)[:, :, ::2, 1::2])


def test_gates_scales_and_permutes_leave_a_cell_where_it_looks() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), Gated())
    for dtype in (torch.float64, torch.bfloat16):
        assert receptive_field(module.to(dtype)) == ReceptiveField(19, 4, (2, 0))
    assert receptive_field(module) == ReceptiveField(19, 4, (2, 0))


def test_reading_leaves_the_module_as_it_was() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout().eval(), Declared()).train()
    module[2].eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    attributes = [dict(vars(part)) for part in module.modules()]
    receptive_field(module)
    assert [vars(part) for part in module.modules()] == attributes
    assert [part.training for part in module] == [True, True, False, True]
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Conv2d(3, 4, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(4, 1, 5, 2)),
        nn.Sequential(nn.MaxPool2d((3, 2), (2, 1), 1, dilation=(2, 1)), nn.Hardswish(), nn.Conv2d(3, 1, 3, 2)),
        *(
            nn.Sequential(
                nn.Conv2d(3, 4, 3, stride, 1), nn.Upsample(scale_factor=factor, mode=mode), nn.Conv2d(4, 4, 3)
            )
            for stride, factor, mode in [(4, 2, "nearest"), (6, 3, "bilinear"), (4, 2, "bilinear"), (4, 2, "bicubic")]
        ),
        nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.PixelShuffle(2), nn.Conv2d(2, 4, 3)),
        nn.Sequential(nn.Conv2d(3, 2, 3, 1, 40, 40), nn.ReLU(), nn.Conv2d(2, 2, 3, 1, 25, 25)),  # gaps beyond 64 pixels
        nn.Sequential(nn.ZeroPad2d((50, 50, 1, 1)), nn.Conv2d(3, 2, 3, dilation=(1, 50)), nn.MaxPool2d(3, 2, 1)),
        nn.Sequential(nn.Conv2d(3, 2, (4, 3), padding="same"), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(5, 4, 3, 2, 1), nn.PixelUnshuffle(2), nn.Conv2d(16, 2, (1, 3))),
    ],
    ids=lambda value: " ".join(str(value).split()),
)
def test_what_is_measured_is_what_is_read(module: nn.Module) -> None:
    assert measure(module) == receptive_field(module)


def test_what_cannot_be_read_can_be_measured() -> None:
    assert measure(nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), Undeclared())) == ReceptiveField(3, 2, 0)
    assert measure(nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 4, 3)), channels=3) == ReceptiveField(6, 2, 2.5)


@pytest.mark.parametrize(
    ("module", "arguments", "text"),
    [
        (3, {}, r"^module: expected an nn\.Module, got int"),
        (nn.Flatten(), {}, r"^module: expected one feature map"),
        (nn.Conv2d(4, 4, 3), {"channels": 5}, r"^module: does not run on an image \[1, 5, 96, 96\]: "),
        (
            nn.Sequential(nn.Conv2d(3, 3, (5, 3), dilation=30, padding=(60, 30)), nn.ReLU()),
            {},
            r"^module: a cell sees all of an image of 96 pixels",
        ),
        (nn.Sequential(nn.LayerNorm([3, 96, 96])), {}, r"^module: a cell sees all of an image of 96 pixels"),
    ],
    ids=str,
)
def test_what_cannot_be_measured(module: Any, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        measure(module, largest=96, **arguments)


def test_a_module_and_a_function_at_once() -> None:
    import spp_ops.receptive_field as module

    layer = nn.Conv2d(3, 4, 3)
    assert module is spp_ops.receptive_field is sys.modules["spp_ops.receptive_field"]
    assert spp_ops.receptive_field(layer) == module.receptive_field(layer) == ReceptiveField(3, 1, 1)
    assert spp_ops.ReceptiveField is module.ReceptiveField is ReceptiveField
    assert pickle.loads(pickle.dumps(spp_ops.receptive_field))(layer) == ReceptiveField(3, 1, 1)
    assert list(inspect.signature(spp_ops.receptive_field).parameters) == ["module"]
    assert pickle.loads(pickle.dumps(ReceptiveField(3, 1, 1))) == ReceptiveField(3, 1, 1)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Flatten(), r"^module: Flatten"),
        (nn.Sequential(nn.Conv2d(1, 1, 3), nn.Sequential(nn.ReLU(), nn.Flatten())), r"^1\.1: Flatten"),
        (nn.Sequential(OrderedDict(head=nn.Linear(3, 3))), r"^head: Linear"),
        (nn.AdaptiveAvgPool2d(3), r"^module: AdaptiveAvgPool2d"),
        (nn.ConvTranspose2d(1, 1, 2), r"^module: ConvTranspose2d"),
        (nn.Sequential(nn.Upsample(2)), r"^0: Upsample"),
        (nn.Sequential(nn.ReLU(), nn.Sequential(Undeclared())), r"^1\.0: Undeclared: cannot be followed"),
        (nn.Sequential(Branches(nn.MaxPool2d(2), nn.Identity())), r"^0: Branches: maps of different strides meet"),
        (nn.Sequential(nn.Conv2d(1, 1, 3), Branches()), r"^1: "),
        (nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten(2)), r"^module: gives no feature map|^1: Flatten"),
        (nn.Unfold(3), r"^module: Unfold: im2col\(\)"),
        (nn.UpsamplingBilinear2d(scale_factor=2), r"^module: UpsamplingBilinear2d: upsamples with aligned corners"),
        (nn.LazyConv2d(3, 3), r"^module: cannot be followed \(Attempted to use an uninitialized parameter"),
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
