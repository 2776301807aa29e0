"""Scores of an image's views, from feature maps computed once a scale and flip, or from the views as images.

The two differ at the borders of a view: as an image it is padded with zeros there, on the map its cells have seen the
image around it; and on the map a window begins at a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

import spp_ops
from spp_ops.classification.augmentation import resize_shorter
from spp_ops.classification.views import Place, ScaleViews, Views
from spp_ops.models import SPPNet, map_shape

Source: TypeAlias = Literal["maps", "images"]

_IMAGE_BATCH = 32  # views that go through the network together


class ViewScorer:
    """Scores of an image's views, by one network.

    Args:
        net: in evaluation mode.
        views: what to look at.
        source: "maps": windows are pooled from the maps of the whole resized image. "images": each view is cut from
            the image and goes through the network by itself.
        receptive_field: of the backbone's cells; None: as `spp_ops.receptive_field` reads it.

    Raises:
        ValueError: the network has no pyramid, and `source` or `views` needs one.
    """

    def __init__(
        self,
        net: SPPNet,
        views: Views,
        source: Source = "maps",
        *,
        receptive_field: spp_ops.ReceptiveField | None = None,
    ) -> None:
        if net.levels is None and (source == "maps" or any(scale.full for scale in views.scales)):
            needed = "source: expected images" if source == "maps" else "views: expected windows only"
            raise ValueError(f"{needed}, as the network has no pyramid, got {source}, {views.name}")
        self._net = net
        self._views = views
        self._source = source
        self._device = next(net.parameters()).device
        if source == "maps":
            self._window_cells = map_shape(net.backbone, views.window, views.window)[1:]
            self._stride = (receptive_field or spp_ops.receptive_field(net.backbone)).stride

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """Compute the probabilities of each view.

        Args:
            image: uint8 [3, H, W], RGB.

        Returns:
            [V, num_classes], scale by scale; of a scale the windows, the whole image, then the same flipped.
        """
        image = image.to(self._device)
        if self._source == "maps":
            rows = [part for scale in self._views.scales for part in self._pooled(image, scale)]
            scores = self._net.head(torch.cat(rows))
        else:
            scores = torch.cat([self._from_images(image, scale) for scale in self._views.scales])
        return F.softmax(scores.float(), dim=1)

    def _resized(self, image: Tensor, scale: ScaleViews) -> Tensor:
        """[1 or 2, 3, h, w]: the image as the network wants it, and its flipped image if that is seen too."""
        pixels = self._net.normalization(resize_shorter(image, scale.scale).float())[None]
        return torch.cat([pixels, pixels.flip(3)]) if scale.flips else pixels

    def _pooled(self, image: Tensor, scale: ScaleViews) -> list[Tensor]:
        """Rows of the views in their order."""
        levels = self._net.levels
        assert levels is not None
        inputs = self._resized(image, scale)
        maps: Tensor = self._net.backbone(inputs)
        height, width = inputs.shape[-2:]
        corners = window_corners(scale.places, height, width, self._views.window)
        cells = window_cells(corners, self._stride, self._window_cells, (maps.shape[2], maps.shape[3]))
        whole = [torch.tensor([[0, 0, maps.shape[3], maps.shape[2]]])] if scale.full else []
        boxes = torch.cat([cells, *whole]).float().to(maps.device)
        rows = spp_ops.roi_spatial_pyramid_pool(maps, [boxes] * len(maps), levels, spp_ops.Projection.cells())
        return [rows]

    def _from_images(self, image: Tensor, scale: ScaleViews) -> Tensor:
        inputs = self._resized(image, scale)
        side = self._views.window
        corners = window_corners(scale.places, inputs.shape[2], inputs.shape[3], side).tolist()
        scores = []
        for flipped in torch.split(inputs, 1):
            windows = [flipped[:, :, y : y + side, x : x + side] for x, y in corners]
            if windows:
                scores += [self._net(batch) for batch in torch.split(torch.cat(windows), _IMAGE_BATCH)]
            if scale.full:
                scores.append(self._net(flipped))
        return torch.cat(scores)


def window_corners(places: Sequence[Place], height: int, width: int, side: int) -> Tensor:
    """Return the left and top pixels [V, 2] of square windows at these places of a height x width image."""
    corners = [(int(x * (width - side)), int(y * (height - side))) for x, y in places]
    return torch.tensor(corners, dtype=torch.int64).reshape(-1, 2)


def window_cells(corners: Tensor, stride: tuple[int, int], size: tuple[int, int], map_size: tuple[int, int]) -> Tensor:
    """Return the cells [V, 4] (x1, y1, x2, y2, half-open) of windows on the map of the whole image.

    A window has as many cells as the window by itself would have. It begins at the cell nearest to its corner, so that
    a corner at a multiple of the stride meets the very cells that the window by itself has; and it stays on the map.

    Args:
        corners: left and top pixels [V, 2].
        stride: of the map, (x, y).
        size: (rows, columns) of the window by itself.
        map_size: (rows, columns) of the map; at least `size`.
    """
    extent = torch.tensor([size[1], size[0]])
    room = torch.tensor([map_size[1], map_size[0]]) - extent
    first = (corners / torch.tensor(stride)).round().long().minimum(room)
    return torch.cat([first, first + extent], dim=1)
