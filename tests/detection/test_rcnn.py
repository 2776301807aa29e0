"""The per-window baseline against cutting out, padding and resizing each window by itself."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spp_ops.detection import RCNNFeatures, warp_windows
from spp_ops.models import SPPNet, zf5

BOXES = [
    [10, 12, 40, 30],  # inside, context too
    [0, 0, 59, 44],  # the whole image
    [50, 3, 59, 20],  # at the right edge
    [0, 40, 3, 44],  # in a corner
    [20, 20, 20, 20],  # one pixel
    [5, 22, 55, 23],  # thin
]


def one_window(pixels: Tensor, box: list[int], size: int, padding: int) -> Tensor:
    """Pads the image with zeros, cuts the enlarged window out and resizes it."""
    around = 600
    padded = F.pad(pixels, (around,) * 4)
    sides = []
    for low, high in ((box[0], box[2]), (box[1], box[3])):
        extent = high - low + 1
        enlarged = extent * size / (size - 2 * padding)
        first = torch.round(torch.tensor(low + (extent - enlarged) / 2)).int().item() + around
        sides.append(slice(first, first + max(torch.round(torch.tensor(enlarged)).int().item(), 1)))
    return F.interpolate(padded[:, :, sides[1], sides[0]], (size, size), mode="bilinear", align_corners=False)


@pytest.mark.parametrize(("size", "padding"), [(227, 16), (32, 0), (15, 7)])
def test_warping(size: int, padding: int) -> None:
    pixels = torch.randn(1, 3, 45, 60, generator=torch.Generator().manual_seed(0))
    squares = warp_windows(pixels, torch.tensor(BOXES, dtype=torch.float32), size, padding)
    expected = torch.cat([one_window(pixels, box, size, padding) for box in BOXES])
    assert squares.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(squares, expected, rtol=0, atol=1e-3)  # places are computed in float32


def test_warping_keeps_a_ramp() -> None:
    """Bilinear sampling of a ramp is the ramp: a square's pixel has the value of its place in the image."""
    ramp = torch.arange(60.0).expand(1, 3, 45, 60)
    (square,) = warp_windows(ramp, torch.tensor([[10.0, 5, 41, 36]]), 64, 0)
    torch.testing.assert_close(square[0, 30, 1:-1], 10 + (torch.arange(1.0, 63) + 0.5) / 2 - 0.5)


@pytest.fixture(scope="module")
def net() -> SPPNet:
    torch.manual_seed(0)
    return zf5(num_classes=2, hidden=(8, 6)).eval()


def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (45, 60, 3)).astype(np.uint8)


def test_batches_do_not_matter(net: SPPNet) -> None:
    boxes = torch.tensor(BOXES, dtype=torch.float32)
    with torch.inference_mode():
        at_once = RCNNFeatures(net, size=64)(photo(), boxes)
        in_parts = RCNNFeatures(net, size=64, batch=4)(photo(), boxes)
    assert at_once.shape == (6, 6)
    torch.testing.assert_close(in_parts, at_once)


def test_features_are_those_of_the_square(net: SPPNet) -> None:
    box = torch.tensor([[10.0, 12, 40, 30]])
    pixels = torch.from_numpy(photo()).permute(2, 0, 1)[None].flip(1).float() - 128
    with torch.inference_mode():
        rows = RCNNFeatures(net, "spp", size=64)(photo(), box)
        expected = net.pool(net.backbone(one_window(pixels, [10, 12, 40, 30], 64, 16)))
    assert rows.shape == (1, 12_800)
    torch.testing.assert_close(rows, expected, rtol=1e-3, atol=1e-3)


def test_network_without_a_pyramid_gives_its_flattened_map() -> None:
    torch.manual_seed(0)
    plain = zf5(num_classes=2, levels=None, hidden=(8,)).eval()
    with torch.inference_mode():
        rows = RCNNFeatures(plain, "spp", padding=0, size=224)(photo(), torch.tensor(BOXES[:2]))
        maps = RCNNFeatures(plain, "conv", padding=0, size=224)(photo(), torch.tensor(BOXES[:2]))
    assert rows.shape == (2, 256 * 6 * 6)
    assert maps.shape == (2, 256 * 13 * 13)
    torch.testing.assert_close(rows, F.max_pool2d(maps.view(2, 256, 13, 13), 3, 2).flatten(1))


def test_head_over_batches(net: SPPNet) -> None:
    boxes = torch.tensor(BOXES, dtype=torch.float32)
    sizes = []

    def head(rows: Tensor) -> tuple[Tensor, Tensor]:
        sizes.append(len(rows))
        return rows * 2, rows.sum(1)

    features = RCNNFeatures(net, "fc6", size=64, batch=4)
    with torch.inference_mode():
        rows = features(photo(), boxes)
        doubled, sums = features.scores(photo(), boxes, head)
    assert sizes == [4, 2]
    torch.testing.assert_close(doubled, rows * 2)
    torch.testing.assert_close(sums, rows.sum(1))


def test_no_windows(net: SPPNet) -> None:
    assert RCNNFeatures(net, size=64)(photo(), torch.zeros(0, 4)).shape == (0, 6)


def test_bad_arguments(net: SPPNet) -> None:
    with pytest.raises(ValueError, match="padding: expected 0 to less than half of size"):
        warp_windows(torch.zeros(1, 3, 9, 9), torch.zeros(1, 4), 32, 16)
    with pytest.raises(ValueError, match="batch: expected at least 1 window, got 0"):
        RCNNFeatures(net, batch=0)
    with pytest.raises(ValueError, match=r"layer: expected one of conv1, .*, got 'fc9'"):
        RCNNFeatures(net, "fc9")
