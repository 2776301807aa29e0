"""The public functions: spatial pyramid pooling of windows and of whole maps (paper, section 2.2 and 5)."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from spp_ops._core import autocast, autograd, checks, fallback, geometry, plain, torch_internals
from spp_ops._core.checks import Levels
from spp_ops._core.limits import LIMITS
from spp_ops.projection import AxisRule, CornerRule, Fit, Projection, RoundOp, as_projections

__all__ = ["check_rois", "roi_spatial_pyramid_pool", "spatial_pyramid_pool", "split_levels"]

DEFAULT_LEVELS = (6, 3, 2, 1)
DEFAULT_TARGET_AREA = 224.0**2


def _whole_map() -> Projection:
    """The rule by which every box covers its map: of a box only its image counts, and one launch makes all boxes."""
    far, shift = 2.0**31, int(LIMITS.shift)  # past both edges of the largest map
    low, high = (CornerRule(sign * far, RoundOp.FLOOR, sign * shift) for sign in (-1, 1))
    axis = AxisRule(1.0, 1.0, low, high)
    return Projection(axis, axis, Fit.CLAMP_TO_MAP)


_WHOLE_MAP = _whole_map()


def roi_spatial_pyramid_pool(
    features: Tensor | Sequence[Tensor],
    rois: Tensor | Sequence[Tensor],
    levels: int | Levels = DEFAULT_LEVELS,
    projection: float | Projection | Sequence[float | Projection] = 1.0,
    *,
    map_index: Tensor | None = None,
    target_area: float = DEFAULT_TARGET_AREA,
    out: Tensor | None = None,
) -> Tensor:
    """Max-pool every window into the bins of a spatial pyramid (paper, sections 2.2 and 5.1).

    A box is projected onto a window of cells; level n cuts the window into n x n bins, bin i of n over an extent w
    being the cells [floor(i*w/n), ceil((i+1)*w/n)); each bin gives the maximum of each channel. With R windows,
    C channels and M bins in all, a row of the result holds the levels in the order given, each
    (channel, row, column): see `split_levels`.

    Gradients of any order flow to `features`: each bin's to the first maximum in row-major order. A NaN in a bin makes
    it NaN; a bin without cells is 0. The projection rules are in docs/conventions.md.

    Args:
        features: Map [N, C, H, W], or one map an image scale (same N, C, dtype, device); float16, bfloat16, float32 or
            float64, any strides.
        rois: Boxes [R, 5] of (image index, x1, y1, x2, y2) in image pixels, 0-based, last pixel included; or N tensors
            [R_i, 4] without the index. Any float dtype; corners are projected in float64 if they are float64, else in
            float32.
        levels: Bins a side, or (rows, columns), of each level; a plain int is one level.
        projection: How boxes fall on maps: torchvision's `spatial_scale`, or a `Projection`; or one of either a map.
        map_index: Integers [R]: the map that serves each window. None: the map on which the box, scaled as the
            projection's `image_scale` says, has the area nearest to `target_area` (of equally near ones the first).
        target_area: Pixels of the scaled image; used where several maps are given.
        out: Tensor [R, C * M] to write into, of memory of its own; for inference, as no derivative flows through it.

    Returns:
        Tensor [R, C * M] of the dtype of `features`.

    Raises:
        TypeError, ValueError: The message names the argument, its value and what was expected. On CPU this includes a
            box with NaN or inf, or an image or map that is not there; on CUDA, where looking would stall the device,
            such a row gives NaN and no gradient, and `check_rois` raises the error on demand.
    """
    if map_index is None:
        plainly = plain.pool(features, rois, levels, projection, target_area, out)
        if plainly is not None:
            return plainly
    overriding = (*_each(features), *_each(rois), map_index, out)
    if has_torch_function(overriding):
        overridden: Tensor = handle_torch_function(
            roi_spatial_pyramid_pool,
            overriding,
            features,
            rois,
            levels,
            projection,
            map_index=map_index,
            target_area=target_area,
            out=out,
        )
        return overridden
    maps = checks.maps(features)
    pairs = checks.level_pairs(levels)
    boxes = checks.boxes(rois, maps[0])
    chosen = checks.chosen_maps(map_index, boxes)
    rules = as_projections(projection, len(maps))
    area = checks.positive("target_area", target_area)
    if out is not None:
        bins = sum(rows * columns for rows, columns in pairs)
        checks.output(out, maps[0], autocast.pooled_dtype(maps[0]), boxes.size(0), maps[0].size(1) * bins)
        if not torch_internals.transforms_active():  # else the operator looks, level by level
            autograd.refuse_derivatives(maps, out)
    if boxes.device.type not in fallback.WITH_KERNELS:
        elsewhere = fallback.roi_spatial_pyramid_pool(maps, boxes, pairs, rules, map_index=chosen, target_area=area)
        return elsewhere if out is None else out.copy_(elsewhere)
    numbers = [number for rule in rules for number in rule.numbers()]
    flat_levels = [number for pair in pairs for number in pair]
    arguments = (maps, boxes, chosen, flat_levels, numbers, area)
    if out is not None:
        torch.ops.spp_ops.roi_spatial_pyramid_pool_out(*arguments, out)
        return out
    pooled: Tensor = torch.ops.spp_ops.roi_spatial_pyramid_pool(*arguments)
    return pooled


def empty_output(
    features: Tensor | Sequence[Tensor], rois: Tensor | Sequence[Tensor], levels: int | Levels = DEFAULT_LEVELS
) -> Tensor:
    """Memory for `out=` of `roi_spatial_pyramid_pool`, to be written again and again.

    Large memory of the CPU lies on huge pages where the system has them to give: writing into pages of 4 kB, as
    `torch.empty` gives them, takes up to twice as long.

    Args:
        features: As for `roi_spatial_pyramid_pool`.
        rois: As for `roi_spatial_pyramid_pool`; only their number counts.
        levels: As for `roi_spatial_pyramid_pool`.

    Returns:
        Tensor [R, C * M], uninitialized, of the dtype and on the device of features.

    Raises:
        TypeError, ValueError: As `roi_spatial_pyramid_pool`.
    """
    maps = checks.maps(features)
    columns = maps[0].size(1) * sum(rows * columns for rows, columns in checks.level_pairs(levels))
    count = checks.boxes(rois, maps[0]).size(0)
    if maps[0].device.type not in fallback.WITH_KERNELS:
        return maps[0].new_empty(count, columns)
    memory: Tensor = torch.ops.spp_ops.empty_output(maps[0].detach(), count, columns)
    return memory


def spatial_pyramid_pool(features: Tensor, levels: int | Levels = DEFAULT_LEVELS) -> Tensor:
    """Max-pool whole maps into the bins of a spatial pyramid: the SPP layer (paper, section 2.2).

    Args:
        features: Map [N, C, H, W]; float16, bfloat16, float32 or float64, any strides.
        levels: Bins a side, or (rows, columns), of each level; a plain int is one level.

    Returns:
        Tensor [N, C * M], whatever H and W; laid out as by `roi_spatial_pyramid_pool`.

    Raises:
        TypeError, ValueError: The message names the argument, its value and what was expected.
    """
    plainly = plain.pool_whole(features, levels)
    if plainly is not None:
        return plainly
    if has_torch_function((features,)):
        overridden: Tensor = handle_torch_function(spatial_pyramid_pool, (features,), features, levels)
        return overridden
    features = checks.one_map(features)
    images = features.size(0)
    numbers = torch.arange(images, dtype=geometry.widest_float(features.device), device=features.device)
    return roi_spatial_pyramid_pool(features, numbers[:, None].expand(images, 5), levels, _WHOLE_MAP)


def split_levels(pooled: Tensor, levels: int | Levels, channels: int) -> list[Tensor]:
    """The levels of pooled rows as maps: views, no copy.

    Args:
        pooled: Tensor [R, C * M] as `roi_spatial_pyramid_pool` gives it.
        levels: The levels it was pooled with.
        channels: C.

    Returns:
        A view [R, C, rows, columns] a level, in the order of `levels`.

    Raises:
        TypeError, ValueError: The message names the argument, its value and what was expected.
    """
    if has_torch_function((pooled,)):
        overridden: list[Tensor] = handle_torch_function(split_levels, (pooled,), pooled, levels, channels)
        return overridden
    pairs = checks.level_pairs(levels)
    if not isinstance(pooled, Tensor):
        raise TypeError(f"pooled: expected a Tensor, got {type(pooled).__name__}")
    checks.require_strided("pooled", pooled)
    if not isinstance(channels, Integral) or channels < 0:
        raise ValueError(f"channels: expected a number of channels, got {checks.shown(channels)}")
    channels = int(channels)
    sizes = [channels * rows * columns for rows, columns in pairs]
    if pooled.dim() != 2 or pooled.size(1) != sum(sizes):
        raise ValueError(f"pooled: expected [R, {sum(sizes)}] for these levels and channels, got {list(pooled.shape)}")
    parts = pooled.split(sizes, dim=1)
    return [part.unflatten(1, (channels, *pair)) for part, pair in zip(parts, pairs, strict=True)]


def check_rois(
    features: Tensor | Sequence[Tensor], rois: Tensor | Sequence[Tensor], *, map_index: Tensor | None = None
) -> None:
    """Raise the error that pooling on CPU raises for a bad row, on any device. Waits for the device.

    Args:
        features: As for `roi_spatial_pyramid_pool`.
        rois: As for `roi_spatial_pyramid_pool`.
        map_index: As for `roi_spatial_pyramid_pool`.

    Raises:
        ValueError: Names the first row with NaN or inf, or whose image or map is not there.
        TypeError: As `roi_spatial_pyramid_pool`.
    """
    maps = checks.maps(features)
    boxes = checks.boxes(rois, maps[0])
    chosen = checks.chosen_maps(map_index, boxes)
    on_cpu = None if chosen is None else chosen.cpu()
    torch.ops.spp_ops.check_rois(boxes.detach().cpu(), on_cpu, maps[0].size(0), len(maps))


def _each(given: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    """The one tensor, or each of several."""
    return given if isinstance(given, (list, tuple)) else (given,)
