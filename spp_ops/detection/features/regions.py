"""A photo -> feature maps at several scales -> one row of pooled features a window (paper, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import spp_ops
from spp_ops._core.checks import Levels, level_tuple
from spp_ops._core.geometry import place_boxes
from spp_ops.datasets.image import PAPER_NORMALIZATION, Normalization, Pixels, to_tensor
from spp_ops.detection.features.base import Scores, apart_from, joined, take_rows
from spp_ops.detection.features.resizing import is_large, resized_rows, scaled_size
from spp_ops.detection.features.tiling import Strips
from spp_ops.detection.features.unique import UniqueWindows, unique_windows
from spp_ops.models.shapes import map_shape, smallest_input

ONE_SCALE = (688,)
FIVE_SCALES = (480, 576, 688, 864, 1200)
TARGET_AREA = 224.0**2
ProjectionRule: TypeAlias = Literal["receptive_field", "floor_ceil", "rounded"]  # constructors of `Projection`
CHUNK = 2048  # windows pooled at a time: 105 MB of 12,800 numbers each


@dataclass(frozen=True)
class ScaledMaps:
    """Feature maps of one image at several scales, and how a box in the image's pixels falls on each."""

    maps: list[Tensor]  # [1, C, h, w] each
    projections: list[spp_ops.Projection]
    image_scales: list[tuple[float, float]]  # of each resized image: its size (x, y) relative to the original

    def detached(self) -> ScaledMaps:
        """Return the maps without what they were computed from."""
        return replace(self, maps=[each.detach() for each in self.maps])

    def to(self, dtype: torch.dtype) -> ScaledMaps:
        """Return the maps in another type; nothing is copied where they are of it."""
        return replace(self, maps=[each.to(dtype) for each in self.maps])


class RegionFeatures:
    """Pooled features of windows: the convolutions run once a scale, whatever the number of windows.

    Args:
        backbone: convolution stack, in evaluation mode and on the device to be used.
        levels: the pyramid.
        scales: the image is resized so that its shorter side has this many pixels, once for each scale. Each window is
            pooled from the map on which its area is nearest `target_area`.
        inset: pixels of the resized image by which a window is shrunk on each side before projection; of the rule
            "receptive_field" alone.
        target_area: pixels of the resized image.
        longest: no resized image gets a longer side than this: thin images are enlarged less.
        normalization: how the backbone wants its pixels.
        projection: the rule from windows to cells, a constructor of `spp_ops.Projection`: "receptive_field" (the
            authors' code), "floor_ceil" (the paper's journal version) or "rounded" (Fast R-CNN).
        receptive_field: of the backbone's cells; None: as `spp_ops.receptive_field` reads it. A backbone that cannot be
            read may also declare its own (its attribute `receptive_field_step`), which is found wherever it is used.
    """

    def __init__(
        self,
        backbone: nn.Module,
        levels: Levels = (6, 3, 2, 1),
        scales: Sequence[int] = ONE_SCALE,
        *,
        inset: float = 6.5,
        target_area: float = TARGET_AREA,
        longest: int = 4000,
        normalization: Normalization = PAPER_NORMALIZATION,
        projection: ProjectionRule = "receptive_field",
        receptive_field: spp_ops.ReceptiveField | None = None,
    ) -> None:
        if projection not in get_args(ProjectionRule):
            raise ValueError(f"projection: expected one of {', '.join(get_args(ProjectionRule))}, got {projection!r}")
        if not scales or min(scales) < 1:
            raise ValueError(f"scales: expected one or more sides of at least 1 pixel, got {list(scales)}")
        self.backbone = backbone
        self.levels = level_tuple(levels)
        self.scales = tuple(scales)
        self.inset = inset
        self.target_area = target_area
        self.longest = longest
        self.normalization = normalization
        self.projection = projection
        self.receptive_field = receptive_field or spp_ops.receptive_field(backbone)
        self.smallest = smallest_input(backbone)

    @property
    def projected_area(self) -> float:
        """`target_area` in the unit in which the rule measures boxes: "rounded" knows no pixels, only cells."""
        x, y = self.receptive_field.stride
        return self.target_area / (x * y) if self.projection == "rounded" else self.target_area

    def __call__(self, image: Pixels, windows: Tensor) -> Tensor:
        """Pooled features of the windows of one image.

        Args:
            image: uint8 [H, W, 3], RGB.
            windows: [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included.

        Returns:
            [R, C*M] on the backbone's device.
        """
        return self.pool(self.maps(self.resized(image), windows), windows)

    def scores(self, image: Pixels, windows: Tensor, head: Callable[[Tensor], Scores]) -> Scores:
        """What `head` makes of the windows' rows; see `score`."""
        return self.score(self.maps(self.resized(image), windows), windows, head)

    def resized(self, image: Pixels, scales: Sequence[int] | None = None) -> list[tuple[Tensor, tuple[float, float]]]:
        """For each scale the normalized image [1, 3, h, w] and its size relative to the original's, (x, y).

        Args:
            image: uint8 [H, W, 3], RGB.
            scales: other ones than the detector's.
        """
        weight = next(self.backbone.parameters(), torch.empty(0))
        whole = None if is_large(image) else self.normalization(to_tensor(image, weight.device))
        height, width = image.shape[:2]
        resized = []
        for scale in self.scales if scales is None else scales:
            size = self._size(height, width, scale)
            pixels = self.normalization(resized_rows(image, size[0], weight.device)) if whole is None else whole
            resized.append((self._resize(pixels, size).to(weight.dtype), (size[1] / width, size[0] / height)))
        return resized

    def maps(self, resized: list[tuple[Tensor, tuple[float, float]]], windows: Tensor | None = None) -> ScaledMaps:
        """Compute the convolution stack's maps of what `resized` gave.

        Args:
            resized: as above.
            windows: [R, 4] in image pixels; a map that none of them is pooled from is not computed: it is zeros, which
                take no memory. None: all maps are wanted.
        """
        rules = [self.project(image_scale) for _, image_scale in resized]
        stack = Strips(self.backbone)
        wanted = set(range(len(rules))) if windows is None else self._used(windows, rules)
        maps = [stack(pixels) if m in wanted else self._blank(pixels) for m, (pixels, _) in enumerate(resized)]
        return ScaledMaps(maps, rules, [image_scale for _, image_scale in resized])

    def project(self, image_scale: tuple[float, float]) -> spp_ops.Projection:
        """Return the rule for an image that was resized by these factors (x, y)."""
        field = self.receptive_field
        if self.projection == "receptive_field":
            return spp_ops.Projection.receptive_field(field, image_scale, self.inset)
        if self.projection == "floor_ceil":
            return spp_ops.Projection.floor_ceil(field.stride, image_scale)
        x, y = (scale / stride for scale, stride in zip(image_scale, field.stride, strict=True))
        return spp_ops.Projection.rounded((x, y))

    def _used(self, windows: Tensor, rules: list[spp_ops.Projection]) -> set[int]:
        """Which maps windows are pooled from; the first one at least."""
        rois = F.pad(_checked(windows), (1, 0))
        placed = place_boxes(rois, [(1, 1)] * len(rules), rules, 1, None, self.projected_area)
        return {0, *(int(m) for m in placed.map.unique() if m >= 0)}

    def _blank(self, pixels: Tensor) -> Tensor:
        """Zeros of the shape of a map."""
        return pixels.new_zeros(()).expand(1, *map_shape(self.backbone, pixels.shape[2], pixels.shape[3]))

    def pool(self, scaled: ScaledMaps, windows: Tensor, out: Tensor | None = None) -> Tensor:
        """[R, 4] windows in image pixels -> [R, C*M] features, each from the map its area suits best."""
        rois = F.pad(_checked(windows).to(scaled.maps[0].device), (1, 0))  # every window is on image 0
        return spp_ops.roi_spatial_pyramid_pool(
            scaled.maps, rois, self.levels, scaled.projections, target_area=self.projected_area, out=out
        )

    def unique(self, scaled: ScaledMaps, windows: Tensor) -> UniqueWindows:
        """Which of the windows [R, 4] are pooled from different cells, or from different maps."""
        sizes = [(each.shape[2], each.shape[3]) for each in scaled.maps]
        return unique_windows(
            _checked(windows).to(scaled.maps[0].device), sizes, scaled.projections, self.projected_area
        )

    def score(
        self, scaled: ScaledMaps, windows: Tensor, head: Callable[[Tensor], Scores], chunk: int = CHUNK
    ) -> Scores:
        """Pool and classify, windows that fall on the same cells once, in bounded memory however many there are.

        Args:
            scaled: what `maps` gave.
            windows: [R, 4] in image pixels; none are one call of `head` on no rows.
            head: rows [k, C*M] -> rows [k, ...], or a tuple of such. It must treat each row by itself, and without
                gradients the rows are its own only until it returns.
            chunk: rows a call of `head`, at most.

        Returns:
            What `head` gave, for each of the windows: [R, ...].
        """
        if chunk < 1:
            raise ValueError(f"chunk: expected at least 1 window, got {chunk}")
        unique = self.unique(scaled, windows)
        distinct = windows.to(unique.keep.device)[unique.keep]
        return take_rows(joined(self._scored(scaled, distinct, head, chunk)), unique.inverse)

    def _scored(
        self, scaled: ScaledMaps, windows: Tensor, head: Callable[[Tensor], Scores], chunk: int
    ) -> Iterator[Scores]:
        """Yield what `head` gives for each chunk of windows."""
        parts = windows.split(chunk) or (windows,)
        if torch.is_grad_enabled():
            yield from (head(self.pool(scaled, part)) for part in parts)
            return
        # Fresh memory for each chunk costs more than pooling, and memory on small pages is written more slowly.
        buffer = spp_ops.empty_output(
            scaled.maps, F.pad(_checked(parts[0]).to(scaled.maps[0].device), (1, 0)), self.levels
        )
        for part in parts:
            yield apart_from(head(self.pool(scaled, part, out=buffer[: len(part)])), buffer)

    def _size(self, height: int, width: int, scale: int) -> tuple[int, int]:
        """Height and width of a resized image."""
        rows, columns = scaled_size(torch.tensor(height), torch.tensor(width), scale, self.longest)
        return int(rows), int(columns)

    def _resize(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        # Plain bilinear, as the authors do it, also where the image shrinks.
        resized = F.interpolate(pixels, size, mode="bilinear", align_corners=False)
        below, right = (max(self.smallest - length, 0) for length in size)
        return F.pad(resized, (0, right, 0, below)) if below or right else resized


def _checked(windows: Tensor) -> Tensor:
    if windows.ndim != 2 or windows.shape[1] != 4:
        raise ValueError(f"windows: expected [R, 4], got {list(windows.shape)}")
    return windows
