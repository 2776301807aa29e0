"""The per-window baseline: R-CNN's way (Girshick et al., 2014) on the same network.

Each window is cut out with some context, warped to a fixed square and sent through all convolutions by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from spp_ops.datasets.image import Pixels, to_tensor
from spp_ops.detection.features.base import Scores, joined
from spp_ops.detection.features.tiling import Strips
from spp_ops.models.spp_net import SPPNet


def warp_windows(pixels: Tensor, windows: Tensor, size: int = 227, padding: int = 16) -> Tensor:
    """Cut windows out of an image and warp each to a square, bilinearly, whatever its shape.

    A window is first enlarged about its center so that, after warping, `padding` pixels on each side of it are context.
    The enlarged window's corners are rounded to whole pixels; what lies outside the image is 0.

    Args:
        pixels: [1, 3, H, W], normalized (so that 0 is the mean pixel).
        windows: [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included.
        size: side of the square.
        padding: pixels of the square, less than half of `size`.

    Returns:
        [R, 3, size, size], channels-last in memory.
    """
    if not 0 <= 2 * padding < size:
        raise ValueError(f"padding: expected 0 to less than half of size ({size}), got {padding}")
    windows = windows.to(pixels)
    low, extent = windows[:, :2], windows[:, 2:] - windows[:, :2] + 1
    enlarged = extent * (size / (size - 2 * padding))
    first = torch.round(low + (extent - enlarged) / 2)
    count = torch.round(enlarged).clamp_min(1)
    # Where each of the square's pixels falls in the image, along x and along y: [R, size, 2].
    steps = torch.arange(size, device=pixels.device, dtype=pixels.dtype) + 0.5
    inside = (steps[:, None] * (count / size)[:, None] - 0.5).clamp_min(0).minimum((count - 1)[:, None])
    places = first[:, None] + inside
    limits = places.new_tensor([pixels.shape[3], pixels.shape[2]])
    x, y = ((2 * places + 1) / limits - 1).unbind(-1)  # grid_sample's coordinates: -1 and 1 are the image's borders
    shape = len(windows), size, size
    grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], dim=-1)
    # One tall image of all squares: the image need not be repeated for each.
    tall = F.grid_sample(pixels, grid.view(1, -1, size, 2), padding_mode="zeros", align_corners=False)
    squares = tall[0].view(3, len(windows), size, size).transpose(0, 1)
    return squares.contiguous(memory_format=torch.channels_last)


class RCNNFeatures:
    """Features of windows, one pass through the network for each.

    Args:
        net: in evaluation mode and on the device to be used; channels-last weights are fastest.
        layer: whose features, as in `SPPNet.features`; "spp" gives each square's pooled map as a row (with levels of
            (6,), or without a pyramid, the 6 x 6 map of R-CNN). Maps of a convolution layer become rows too.
        size: side in pixels of the square that a window is warped to.
        padding: pixels of context in the square on each side of the window.
        batch: windows a pass; bounds the memory used.

    Raises:
        ValueError: the network has no such layer, or batch is below 1.
    """

    def __init__(self, net: SPPNet, layer: str = "fc7", *, size: int = 227, padding: int = 16, batch: int = 64) -> None:
        if batch < 1:
            raise ValueError(f"batch: expected at least 1 window, got {batch}")
        if layer not in net.layers:
            raise ValueError(f"layer: expected one of {', '.join(net.layers)}, got {layer!r}")
        self.net = net
        self.layer = layer
        self.size = size
        self.padding = padding
        self.batch = batch

    def __call__(self, image: Pixels, windows: Tensor) -> Tensor:
        """Features of the windows of one image.

        Args:
            image: uint8 [H, W, 3], RGB.
            windows: [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included.

        Returns:
            [R, D] on the network's device.
        """
        return self.scores(image, windows, lambda rows: rows)

    def scores(self, image: Pixels, windows: Tensor, head: Callable[[Tensor], Scores]) -> Scores:
        """What `head` makes of the windows' rows, a batch at a time; it must treat each row by itself."""
        if len(windows) == 0:
            square = torch.zeros(1, 3, self.size, self.size, device=self._device)
            return head(self._rows(square)[:0])
        return joined(head(self._rows(squares)) for squares in self.warped(image, windows))

    def _rows(self, squares: Tensor) -> Tensor:
        if self.layer in dict(self.net.backbone.named_children()):
            return self.net.features(squares, self.layer).flatten(1)
        maps = self.maps(squares)
        if self.layer == "conv":
            return maps.flatten(1)
        rows: Tensor = self.net.pool(maps)
        return rows if self.layer == "spp" else self.net.head_features(rows, self.layer)

    def maps(self, squares: Tensor) -> Tensor:
        """The convolution stack's maps of some squares: [batch, C, h, w]."""
        return Strips(self.net.backbone)(squares)

    def warped(self, image: Pixels, windows: Tensor) -> Iterator[Tensor]:
        """Yield the windows' squares [batch, 3, size, size], batch by batch."""
        pixels = self.net.normalization(to_tensor(image, self._device))
        for first in range(0, len(windows), self.batch):
            yield warp_windows(pixels, windows[first : first + self.batch], self.size, self.padding)

    @property
    def _device(self) -> torch.device:
        return next(self.net.parameters()).device
