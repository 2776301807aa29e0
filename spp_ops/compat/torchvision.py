"""Pooling for torchvision's detectors: `MultiScaleRoIPool` where they expect ``MultiScaleRoIAlign``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops import RoIPool as TorchvisionRoIPool

from spp_ops.compat.assigned import assigned_maps, pool_assigned, with_image_index
from spp_ops.compat.roi_pool import RoIPool, grid


class MultiScaleRoIPool(MultiScaleRoIAlign):  # type: ignore[misc]  # torchvision has no types
    """Max-pool each box from the map of a feature pyramid that suits its size; one call for all maps.

    torchvision's ``MultiScaleRoIAlign``, in name and arguments, with the maximum of each bin in place of sampled
    means: it is accepted by ``FasterRCNN(..., box_roi_pool=)`` and by ``MaskRCNN`` and ``KeypointRCNN``, which take no
    other class. Each box has the map that torchvision gives it. It can't be scripted.

    Args:
        featmap_names: which maps are pooled from, by name.
        output_size: rows and columns of the grid, or one number for both.
        sampling_ratio: not used: a maximum takes every cell.
        canonical_scale: boxes of this size (the square root of their area, in pixels) have the map `canonical_level`.
        canonical_level: as above: the logarithm to base 2 of the map's stride.
    """

    def __init__(
        self,
        featmap_names: Sequence[str],
        output_size: int | Sequence[int],
        sampling_ratio: int = 0,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__(
            list(featmap_names),
            grid(output_size),
            sampling_ratio,
            canonical_scale=canonical_scale,
            canonical_level=canonical_level,
        )
        self.scales: list[float] | None = None

    def forward(
        self, x: Mapping[str, Tensor], boxes: Sequence[Tensor], image_shapes: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Pool boxes of several images.

        Args:
            x: maps [N, C, H, W] by name, each of half the size of the one before.
            boxes: [L, 4] x1, y1, x2, y2 of each image, in pixels of the network's input.
            image_shapes: height and width of each image as it went into the network, without padding.

        Returns:
            [R, C, rows, columns], image by image.

        Raises:
            ValueError: there is no image, or no map of these names.
        """
        features = [each for name, each in x.items() if name in self.featmap_names]
        if not features:
            raise ValueError(f"x: expected maps named {', '.join(self.featmap_names)}, got {', '.join(x) or 'none'}")
        if self.scales is None:
            self.scales = _scales(features, image_shapes)
        rois = with_image_index(boxes)
        chosen = None
        if len(features) > 1:
            sizes = ((rois[:, 3] - rois[:, 1]) * (rois[:, 4] - rois[:, 2])).sqrt()
            first = -math.log2(self.scales[0])
            chosen = assigned_maps(
                sizes,
                len(features),
                canonical_size=self.canonical_scale,
                canonical=self.canonical_level - first,
                after=1e-6,
            )
        return pool_assigned(features, rois, chosen, self.output_size, self.scales)


def replace_roi_pool(model: nn.Module, *, align: bool = False) -> nn.Module:
    """Put this package's modules in place of torchvision's, anywhere in a network.

    Args:
        model: changed in place.
        align: replace ``MultiScaleRoIAlign`` too, by `MultiScaleRoIPool`: the numbers become others (maxima in place of
            means), so the layers above are to be trained again.

    Returns:
        The model.

    Raises:
        ValueError: it has nothing to replace.
    """
    found = 0
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            new = _replacement(child, align)
            if new is not None:
                setattr(parent, name, new.train(child.training))
                found += 1
    if not found:
        wanted = "a torchvision RoIPool or MultiScaleRoIAlign" if align else "a torchvision RoIPool"
        raise ValueError(f"model: expected one with {wanted}, got a {type(model).__name__} without")
    return model


def _replacement(module: Any, align: bool) -> nn.Module | None:
    if type(module) is TorchvisionRoIPool:
        return RoIPool(module.output_size, module.spatial_scale)
    if align and type(module) is MultiScaleRoIAlign:
        return MultiScaleRoIPool(
            module.featmap_names,
            module.output_size,
            module.sampling_ratio,
            canonical_scale=module.canonical_scale,
            canonical_level=module.canonical_level,
        )
    return None


def _scales(features: Sequence[Tensor], image_shapes: Sequence[tuple[int, int]]) -> list[float]:
    """Cells a pixel of each map: the power of 2 nearest the ratio of its height to the highest image's."""
    if not image_shapes:
        raise ValueError("image_shapes: expected one for each image, got none")
    height = max(shape[0] for shape in image_shapes)
    return [2.0 ** round(math.log2(each.shape[-2] / height)) for each in features]
