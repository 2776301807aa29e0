"""Strip by strip against the whole image: the same maps, in less memory."""

import pytest
import torch
from torch import nn

from spp_ops.detection.features import tiling
from spp_ops.detection.features.tiling import Strips, _parts, _Strips
from spp_ops.models import backbone, convnet5, overfeat5, zf5
from spp_ops.models.layers import WithinChannelLRN


def in_strips(stack: nn.Module, images: torch.Tensor, cache_bytes: int) -> list[int]:
    """Check the maps; return how many rows of the image each call of the first layer saw."""
    seen: list[int] = []
    first = next(layer for layer in stack.modules() if not isinstance(layer, nn.Sequential))
    with torch.inference_mode():
        expected = stack(images.clone())
        handle = first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[2]))
        maps = Strips(stack, cache_bytes)(images.clone())
        handle.remove()
    torch.testing.assert_close(maps, expected, rtol=1e-5, atol=1e-5)
    assert maps.is_contiguous(memory_format=torch.channels_last) == expected.is_contiguous(
        memory_format=torch.channels_last
    )
    return seen


@pytest.mark.parametrize("size", [(224, 224), (227, 300), (301, 190), (203, 64)])
@pytest.mark.parametrize("make", [zf5, convnet5, overfeat5])
def test_the_papers_networks(make: object, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "PRODUCTS_A_MOVE", 1000)  # more strips than are worth it
    torch.manual_seed(0)
    stack = make(num_classes=2, hidden=()).backbone.eval().to(memory_format=torch.channels_last)  # type: ignore[operator]
    images = torch.randn(1, 3, *size).to(memory_format=torch.channels_last)
    assert len(in_strips(stack, images, 2**16)) >= 2


LAYERS = {
    "convolution": lambda: nn.Conv2d(3, 5, 3, padding=1),
    "dilated": lambda: nn.Conv2d(3, 5, (3, 2), stride=(2, 1), padding=(2, 0), dilation=(3, 2)),
    "no overlap": lambda: nn.Conv2d(3, 5, 2, stride=2),
    "gaps": lambda: nn.Conv2d(3, 5, 2, stride=5, padding=1),
    "grouped": lambda: nn.Conv2d(3, 6, 5, groups=3, padding=2),
    "pooling": lambda: nn.MaxPool2d(3, 2, padding=1),
    "pooling, ceil": lambda: nn.MaxPool2d((3, 2), (2, 3), ceil_mode=True),
    "pooling, ceil and padding": lambda: nn.MaxPool2d(4, 3, padding=2, ceil_mode=True),
    "LRN": lambda: WithinChannelLRN(5, alpha=1.0),
}


@pytest.mark.parametrize("above", list(LAYERS))
@pytest.mark.parametrize("below", list(LAYERS))
def test_any_two_layers_at_any_height(below: str, above: str) -> None:
    torch.manual_seed(0)
    first = LAYERS[below]()
    channels = first(torch.zeros(1, 3, 30, 30)).shape[1]
    second = LAYERS[above]()
    middle = [] if channels == 3 else [nn.Conv2d(channels, 3, 1), nn.ReLU(inplace=True)]
    stack = nn.Sequential(first, *middle, second).eval()
    for rows in (23, 40, 41, 42, 43):
        images = torch.randn(2, 3, rows, 30)
        plan = _Strips(stack, rows)
        with torch.inference_mode():
            expected = stack(images)
            assert plan.rows == expected.shape[2]
            for height in (1, 2, 3, 100):
                torch.testing.assert_close(plan.run(images, height), expected, rtol=1e-5, atol=1e-5)


def test_a_few_images_at_a_time() -> None:
    torch.manual_seed(0)
    stack = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).eval()
    an_image = 8 * 20 * 20 * 4
    assert in_strips(stack, torch.randn(7, 3, 20, 20), 2 * an_image) == [20] * 4
    assert in_strips(stack, torch.randn(3, 3, 20, 20), 2 * an_image) == [20]  # little more than the cache


def test_layers_that_look_further_are_called_as_they_are() -> None:
    torch.manual_seed(0)
    images = torch.randn(1, 3, 64, 64)
    for layer in (
        nn.InstanceNorm2d(8),
        nn.GroupNorm(2, 8),
        nn.BatchNorm2d(8).train(),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
        nn.AdaptiveAvgPool2d(32),
    ):
        assert in_strips(nn.Sequential(nn.Conv2d(3, 8, 3), layer), images, 1000) == [64]
    assert in_strips(nn.Sequential(nn.LeakyReLU(inplace=True), nn.Conv2d(3, 8, 3)), images, 1000) == [64]
    assert len(in_strips(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval(), images, 1000)) > 1


@pytest.mark.parametrize("name", ["vgg11", "resnet18", "squeezenet1_1", "alexnet"])
def test_torchvisions_stacks(name: str) -> None:
    torch.manual_seed(0)
    stack = backbone(name).eval()
    assert len(in_strips(stack, torch.randn(1, 3, 150, 120), 2**16)) > 1


def test_gradients_flow_as_in_the_stack_itself() -> None:
    stack = zf5(num_classes=2, hidden=()).backbone
    images = torch.randn(1, 3, 100, 100, requires_grad=True)
    Strips(stack, 1000)(images).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_parts_end_with_a_pooling() -> None:
    parts = list(_parts(zf5(num_classes=2, hidden=()).backbone))
    assert [len(part) for part in parts] == [4, 4, 6]


def test_expensive_layers_get_higher_strips() -> None:
    """With many products a number, rows computed twice would cost more than the cache saves."""
    images = torch.randn(1, 64, 300, 30)
    cheap, costly = (nn.Sequential(nn.Conv2d(64, 8, kernel, padding=kernel // 2)).eval() for kernel in (1, 9))
    assert len(in_strips(cheap, images, 10_000)) > len(in_strips(costly, images, 10_000))
