"""Hypothesis strategies: calls of the operator, from ordinary to absurd, but all of them valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from on_device import on_device
from torch import Tensor

from spp_ops.projection import Projection
from spp_ops.receptive_field import ReceptiveField

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)

# Around the widths of vector registers, and past the blocks that kernels cut channels into.
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70, 130)


@dataclass(frozen=True)
class Case:
    """One call of `roi_spatial_pyramid_pool`; its tensors are on the CPU."""

    maps: list[Tensor]
    rois: Tensor
    levels: tuple[int | tuple[int, int], ...]
    projections: list[Projection]
    map_index: Tensor | None
    target_area: float

    def call(
        self,
        function: Callable[..., Tensor],
        maps: Sequence[Tensor] | None = None,
        device: torch.device | None = None,
    ) -> Tensor:
        """`function` of this case, with other maps in the place of its own if any are given."""
        maps = list(self.maps if maps is None else maps)
        map_index = None if self.map_index is None else on_device(self.map_index, device)
        return function(
            maps[0] if len(maps) == 1 else maps,
            on_device(self.rois, device),
            self.levels,
            self.projections,
            map_index=map_index,
            target_area=self.target_area,
        )

    def leaves(self, dtype: torch.dtype | None = None, device: torch.device | None = None) -> list[Tensor]:
        """The maps as leaves of a graph, their strides kept."""
        return [on_device(each, device, dtype).requires_grad_() for each in self.maps]


@st.composite
def cases(
    draw: st.DrawFn,
    dtypes: Sequence[torch.dtype] = DTYPES,
    channels: Sequence[int] = CHANNELS,
    finite: bool = False,
    most_maps: int = 3,
) -> Case:
    """Calls with maps of any layout, any values, any boxes and any rule."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from(dtypes))
    images = draw(st.integers(1, 3))
    count = draw(st.integers(1, most_maps))
    channel_count = draw(st.sampled_from(channels))
    maps = []
    for _ in range(count):
        shape = (images, channel_count, draw(st.integers(1, 20)), draw(st.integers(1, 20)))
        values = VALUES[draw(st.sampled_from([name for name in VALUES if not (finite and name in NOT_FINITE)]))]
        layout = LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))]
        maps.append(layout(_make(values, dtype, generator), *shape))
    stride = draw(st.sampled_from((1, 2, 3, 4)))
    projections = [draw(projections_of(stride)) for _ in maps]
    rois = draw(rois_on(maps[0], images, stride, generator))
    map_index = torch.randint(count, (len(rois),), generator=generator) if draw(st.booleans()) else None
    target_area = draw(st.sampled_from((1.0, 100.0, 224.0**2)))
    return Case(maps, rois, draw(levels()), projections, map_index, target_area)


def levels() -> st.SearchStrategy[tuple[int | tuple[int, int], ...]]:
    """The paper's pyramids, and any others: with levels that divide none, repeat, or exceed the window."""
    pyramids = st.sampled_from([(6, 3, 2, 1), (4, 3, 2, 1), (4, 2, 1), (1,), (1, 2, 3, 6), (7, 5), (12, 6, 4)])
    level = st.integers(1, 9) | st.tuples(st.integers(1, 9), st.integers(1, 9))
    return pyramids | st.lists(level, min_size=1, max_size=4).map(tuple)


def projections_of(stride: int) -> st.SearchStrategy[Projection]:
    """The four rules on a map of one cell every `stride` pixels, and at scales that differ a little, as images' do."""
    scale = st.sampled_from([1.0, 0.7, 1.3, (1.0, 0.9)])
    field = ReceptiveField(size=2 * stride + 1, stride=stride, center=(stride - 1) / 2)
    inset = st.sampled_from([0.0, 0.5, 0.4 * stride])
    return st.one_of(
        st.just(Projection.cells()),
        st.builds(Projection.rounded, st.sampled_from([1 / stride, 0.9 / stride, (1 / stride, 1.1 / stride)])),
        st.builds(Projection.floor_ceil, st.just(stride), scale),
        st.builds(Projection.receptive_field, st.just(field), scale, inset),
    )


def rois_on(
    features: Tensor, images: int, stride: int, generator: torch.Generator, most: int = 6
) -> st.SearchStrategy[Tensor]:
    """[R, 5] of any float dtype, on images as large as `features` says; contiguous or sliced."""
    extent = torch.tensor([features.shape[3], features.shape[2]] * 2) * stride

    def build(kinds: list[str], dtype: torch.dtype, sliced: bool) -> Tensor:
        rows = torch.zeros(len(kinds), 5)
        for row, kind in zip(rows, kinds, strict=True):
            row[0] = torch.randint(images, (), generator=generator)
            row[1:] = BOXES[kind](torch.rand(4, generator=generator)) * extent
        rows[:, 1:] = (rows[:, 1:] * 2).round() / 2  # on the edges and centers of pixels, where rules differ
        rows = rows.to(dtype)
        return rows.repeat_interleave(2, dim=1)[:, ::2] if sliced else rows

    kinds = st.lists(st.sampled_from(list(BOXES)), max_size=most)
    return st.builds(build, kinds, st.sampled_from(DTYPES), st.booleans())


def _inside(u: Tensor) -> Tensor:
    return torch.cat([torch.minimum(u[:2], u[2:]), torch.maximum(u[:2], u[2:])])


# From four uniform numbers to x1, y1, x2, y2 in units of the image.
BOXES: dict[str, Callable[[Tensor], Tensor]] = {
    "inside": _inside,
    "tiny": lambda u: torch.cat([u[:2], u[:2] + 0.01]),
    "whole": lambda u: torch.tensor([0.0, 0.0, 1.0, 1.0]),
    "huge": lambda u: torch.tensor([-3.0, -2.0, 4.0, 3.0]) * (1 + u),
    "enormous": lambda u: torch.tensor([-500.0, -500.0, 500.0, 500.0]) * u,
    "across the edge": lambda u: _inside(u) * 2 - 0.5,
    "outside": lambda u: _inside(u) + torch.tensor([2.0, 0.0, 2.0, 0.0]),
    "reversed": lambda u: _inside(u).roll(2),
    "empty": lambda u: u[:2].repeat(2),
}


def _random(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


def _sprinkled(*specials: float) -> Callable[[tuple[int, ...], torch.Generator], Tensor]:
    def values(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        numbers = torch.randint(-2, 3, shape, generator=generator).float()
        for special in specials:
            numbers[torch.rand(shape, generator=generator) < 0.15] = special
        return numbers

    return values


VALUES: dict[str, Callable[[tuple[int, ...], torch.Generator], Tensor]] = {
    "random": _random,
    "after a ReLU": lambda shape, generator: _random(shape, generator).relu(),
    "few numbers": _sprinkled(),
    "constant": lambda shape, generator: torch.full(shape, -1.5),
    "zeros of both signs": lambda shape, generator: _random(shape, generator) * 0,
    "NaN": _sprinkled(float("nan")),
    "inf": _sprinkled(float("inf"), float("-inf")),
    "NaN and inf": _sprinkled(float("inf"), float("-inf"), float("nan")),
    "nothing but -inf": lambda shape, generator: torch.full(shape, float("-inf")),
    "largest and smallest": _sprinkled(torch.finfo(torch.float16).max, 2.0**-24),
}
NOT_FINITE = ("NaN", "inf", "NaN and inf", "nothing but -inf")

Make = Callable[..., Tensor]  # of a shape, one number after another


def _make(values: Callable[..., Tensor], dtype: torch.dtype, generator: torch.Generator) -> Make:
    return lambda *shape: values(shape, generator).to(dtype)


# From what makes contiguous tensors to [n, c, h, w] of other strides.
LAYOUTS: dict[str, Callable[[Make, int, int, int, int], Tensor]] = {
    "contiguous": lambda make, n, c, h, w: make(n, c, h, w),
    "channels last": lambda make, n, c, h, w: make(n, h, w, c).permute(0, 3, 1, 2),
    "sliced": lambda make, n, c, h, w: make(n, c + 1, 2 * h, w + 3)[:, 1:, ::2, 2:-1],
    "sliced NHWC": lambda make, n, c, h, w: make(n, h + 1, w + 2, c + 3).permute(0, 3, 1, 2)[:, 1:-2, 1:, 1:-1],
    "rows last": lambda make, n, c, h, w: make(w, n, h, c).permute(1, 3, 2, 0),
    "expanded": lambda make, n, c, h, w: make(n, 1, h, 1).expand(n, c, h, w),
}
