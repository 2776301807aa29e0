"""One map of a feature pyramid for each box, by its size (Lin et al., *Feature Pyramid Networks*, equation 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spp_ops.functional import roi_spatial_pyramid_pool


def assigned_maps(
    sizes: Tensor, maps: int, *, canonical_size: float, canonical: float, within: float = 0.0, after: float = 0.0
) -> Tensor:
    """floor(canonical + log2(size / canonical_size)), kept to the maps there are.

    Args:
        sizes: [R], the square roots of the boxes' areas in pixels. NaN, of a reversed box, takes the first map.
        maps: how many there are.
        canonical_size: a box of this size is pooled from the map `canonical`, counted from the first.
        canonical: as above; it may lie outside the maps.
        within: what a library adds to the ratio of sizes, before the logarithm.
        after: what it adds to the logarithm.

    Returns:
        [R] int64, 0 for the first map.
    """
    octaves = canonical + torch.log2(sizes / canonical_size + within) + torch.tensor(after, dtype=sizes.dtype)
    return octaves.floor().nan_to_num(nan=0.0).clamp(0, maps - 1).to(torch.int64)


def pool_assigned(
    features: Sequence[Tensor],
    rois: Tensor,
    map_index: Tensor | None,
    size: tuple[int, int],
    scales: Sequence[float],
) -> Tensor:
    """Pool each box from its map, all maps in one call.

    Args:
        features: maps [N, C, H, W] of one N and C; where autocast left them in different types, the first one's holds.
        rois: [R, 5].
        map_index: [R], the map of each; None where there is one.
        size: rows and columns of the grid.
        scales: cells a pixel of each map.

    Returns:
        [R, C, rows, columns].
    """
    maps = [each.to(features[0].dtype) for each in features]
    pooled = roi_spatial_pyramid_pool(maps, rois, [size], list(scales), map_index=map_index)
    bins: Tensor = pooled.unflatten(1, (maps[0].size(1), *size))
    return bins


def with_image_index(boxes: Sequence[Tensor]) -> Tensor:
    """Boxes [L, 4] of each image -> [R, 5], the image's index first."""
    return torch.cat(
        [torch.cat([each.new_full((len(each), 1), image), each], dim=1) for image, each in enumerate(boxes)]
    )
