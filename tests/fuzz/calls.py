"""Random valid calls: shapes, types, strides, values, boxes, rules and pyramids, from ordinary to absurd."""

from __future__ import annotations

import random

import torch
from strategies import BOXES, DTYPES, LAYOUTS, VALUES, Case
from torch import Tensor

from spp_ops.projection import AxisRule, CornerRule, Fit, Projection, RoundOp
from spp_ops.receptive_field import ReceptiveField

MOST_NUMBERS = 300_000  # in a result
PYRAMIDS = [(6, 3, 2, 1), (4, 3, 2, 1), (4, 2, 1), (1,), (1, 2, 3, 6), (7,), (12, 6, 4), ((1, 50), (50, 1)), (3,) * 16]


def random_case(rng: random.Random) -> Case:
    """A call that must give what the reference gives."""
    generator = torch.Generator().manual_seed(rng.getrandbits(32))
    images, count = rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 1, 2, 3, 16])
    channels = rng.choice([1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 65, 130, 257])
    dtype = rng.choice(DTYPES)
    large = rng.random() < 0.1  # more than 2**16 cells a map: wider indices
    maps = [_map(rng, generator, images, 2 if large else channels, dtype, large) for _ in range(count)]
    stride = rng.choice([1, 1, 2, 4, 16])
    levels = _levels(rng)
    bins = sum(n * n if isinstance(n, int) else n[0] * n[1] for n in levels)
    rois = _rois(rng, generator, maps[0], images, stride, most=MOST_NUMBERS // (bins * maps[0].shape[1]))
    chosen = torch.randint(count, (len(rois),), generator=generator) if rng.random() < 0.4 else None
    if chosen is not None:
        chosen = chosen.to(rng.choice([torch.int64, torch.int64, torch.int32, torch.int16, torch.uint8]))
    rules = [_projection(rng, stride) for _ in maps]
    return Case(maps, rois, levels, rules, chosen, rng.choice([1e-3, 1.0, 100.0, 224.0**2, 1e12]))


def _map(
    rng: random.Random, generator: torch.Generator, images: int, channels: int, dtype: torch.dtype, large: bool
) -> Tensor:
    sides = rng.choice([(300, 260), (2, 40_000), (70_000, 1)]) if large else (_side(rng), _side(rng))
    values = VALUES[rng.choice(list(VALUES))]
    layout = LAYOUTS[rng.choice(list(LAYOUTS))]
    features = layout(lambda *shape: values(shape, generator).to(dtype), images, channels, *sides)
    if rng.random() < 0.05:
        features = torch._neg_view(features)  # type: ignore[no-untyped-call]
    return features


def _side(rng: random.Random) -> int:
    return rng.choice([1, 2, rng.randint(1, 8), rng.randint(1, 20), rng.randint(1, 60)])


def _rois(
    rng: random.Random, generator: torch.Generator, features: Tensor, images: int, stride: int, most: int
) -> Tensor:
    extent = torch.tensor([features.shape[3], features.shape[2]] * 2) * stride
    kinds = rng.sample(list(BOXES), rng.randint(1, len(BOXES)))
    count = min(most, rng.choice([0, 1, 2, 5, rng.randint(0, 20), rng.randint(0, 300)]))
    rows = torch.zeros(count, 5)
    for row in rows:
        row[0] = rng.randrange(images)
        row[1:] = BOXES[rng.choice(kinds)](torch.rand(4, generator=generator)) * extent
        if rng.random() < 0.02:
            row[rng.randint(1, 4)] = rng.choice([1e30, -1e30, 3e38, -3e38, 2**31, -(2**31), 1e-40, -0.0])
    if rng.random() < 0.7:
        rows[:, 1:] = (rows[:, 1:] * 2).round() / 2
    dtype = rng.choice(DTYPES)
    rows = rows.to(dtype).clamp(torch.finfo(dtype).min, torch.finfo(dtype).max)
    strides = rng.choice(["contiguous", "sliced", "columns first", "one row"])
    if strides == "sliced":
        return rows.repeat_interleave(2, dim=1)[:, ::2]
    if strides == "columns first":
        return rows.t().contiguous().t()
    return rows[:1].expand(count, 5) if strides == "one row" and count else rows


def _levels(rng: random.Random) -> tuple[int | tuple[int, int], ...]:
    if rng.random() < 0.5:
        return rng.choice(PYRAMIDS)  # type: ignore[return-value]
    side = rng.choice([4, 9, 20])

    def level() -> int | tuple[int, int]:
        return rng.randint(1, side) if rng.random() < 0.5 else (rng.randint(1, side), rng.randint(1, side))

    return tuple(level() for _ in range(rng.randint(1, 5)))


def _projection(rng: random.Random, stride: int) -> Projection:
    scale = rng.choice([1.0, 0.7, 1.3, (1.0, 0.9)])
    kind = rng.randrange(6)
    if kind == 0:
        return Projection.cells()
    if kind <= 2:
        return Projection.rounded(rng.choice([1 / stride, 0.9 / stride, 1e-30, 1e30, rng.random() + 0.01]))
    if kind == 3:
        return Projection.floor_ceil(stride, scale)
    if kind == 4:
        field = ReceptiveField(size=2 * stride + 1, stride=stride, center=(stride - 1) / 2)
        return Projection.receptive_field(field, scale, rng.choice([0.0, 0.5, 6.5, -3.0]))
    return Projection(_axis(rng), _axis(rng), rng.choice(list(Fit)))


def _axis(rng: random.Random) -> AxisRule:
    """Any numbers that a rule may have."""

    def corner() -> CornerRule:
        return CornerRule(rng.uniform(-9, 9), rng.choice(list(RoundOp)), rng.randint(-2, 2))

    return AxisRule(10 ** rng.uniform(-2, 1), 10 ** rng.uniform(-2, 2), corner(), corner())
