"""Random calls of the CUDA kernels, and the kernels' answers beside those of the rules."""

from __future__ import annotations

import os
from dataclasses import dataclass

import cuda_host_build
import cuda_rules as rules
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

HOST = cuda_host_build.load()
SEED_VARIABLE = "SPP_OPS_CUDA_ORDER"  # blocks and threads are taken in a random order, drawn with this seed


def configure(**settings: int) -> None:
    """Sets the stand-in; what is not given is as usual: in order, unless the environment wants another one."""
    seed = os.environ.get(SEED_VARIABLE)
    HOST.configure(**({} if seed is None else {"random_order": True, "seed": int(seed)}) | settings)


configure()

# Also where these tests run without the project's conftest, under the sanitizers.
PROPERTY = settings(
    deadline=None,
    max_examples=int(os.environ.get("SPP_OPS_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

GARBAGE = 0xA5  # of which every byte is that no kernel has written
TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 3}
STORED = {"float32": np.float32, "float64": np.float64, "float16": np.float16, "bfloat16": np.uint16}
INDICES = (None, "uint16", "int32")
LEVELS = (
    [(6, 6), (3, 3), (2, 2), (1, 1)],
    [(4, 4), (2, 2), (1, 1)],
    [(4, 4), (3, 3), (2, 2), (1, 1)],
    [(1, 1)],
    [(2, 3)],
    [(1, 5), (7, 1), (2, 6), (1, 2)],
    [(3, 3), (3, 3), (9, 9)],
    [(13, 14), (1, 1), (7, 7)],  # more bins than a warp's shared memory holds: 232
)


def encode(values: rules.Array, name: str) -> rules.Array:
    """Values in the type that the kernels are given; bfloat16 as its bits."""
    if name != "bfloat16":
        with np.errstate(over="ignore"):
            stored: rules.Array = values.astype(STORED[name])
        return stored
    bits = values.astype(np.float32).view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    coded: rules.Array = np.where(np.isnan(values), np.uint16(0x7FC0), rounded)
    return coded


def decode(stored: rules.Array, name: str) -> rules.Array:
    if name != "bfloat16":
        return stored.astype(np.float64)
    return (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def with_strides(array: rules.Array, layout: str) -> rules.Array:
    """The same values under other strides."""
    if layout == "channels_last":
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "part":
        whole = np.zeros([n + 3 for n in array.shape], array.dtype)
        whole[1:-2, 2:-1, 1:-2, 3:] = array
        return whole[1:-2, 2:-1, 1:-2, 3:]
    if layout == "reversed":
        return np.ascontiguousarray(array[:, ::-1, :, ::-1])[:, ::-1, :, ::-1]
    return np.ascontiguousarray(array)


@dataclass
class Case:
    """One call of forward, and what follows from it."""

    maps: list[rules.Array]
    type_name: str
    projections: list[rules.Rule]
    boxes: rules.Array
    box_type: str
    map_index: rules.Array | None
    target_area: float
    levels: list[tuple[int, int]]
    index: str | None
    gap: int = 0  # elements between the output's rows
    offset: int = 0  # elements of its memory before the first row

    @property
    def images(self) -> int:
        return int(self.maps[0].shape[0])

    @property
    def channels(self) -> int:
        return int(self.maps[0].shape[1])

    @property
    def shapes(self) -> list[tuple[int, int]]:
        return [(m.shape[2], m.shape[3]) for m in self.maps]

    def decoded_maps(self) -> list[rules.Array]:
        return [decode(m, self.type_name) for m in self.maps]

    def expected(self) -> tuple[rules.Array, rules.Array, rules.Array]:
        boxes = decode(self.boxes, self.box_type).astype(np.float64 if self.box_type == "float64" else np.float32)
        return rules.forward(
            self.decoded_maps(), self.projections, boxes, self.map_index, self.target_area, self.levels
        )

    def run(self) -> tuple[rules.Array, rules.Array, rules.Array]:
        output, indices, sources = HOST.forward(
            self.maps,
            TYPES[self.type_name],
            [rule.numbers() for rule in self.projections],
            self.boxes,
            TYPES[self.box_type],
            self.map_index,
            self.target_area,
            self.levels,
            self.index,
            self.gap,
            self.offset,
        )
        self.check_gaps(output)
        return output, indices, sources

    def check_gaps(self, output: rules.Array) -> None:
        """What lies before, between and behind the rows is as it was."""
        memory = output.base
        assert isinstance(memory, np.ndarray)
        inside = np.zeros(memory.size, bool)
        rows = inside[self.offset :].reshape(len(output), -1) if len(output) else inside[:0].reshape(0, 0)
        rows[:, : output.shape[1]] = True
        assert (memory[~inside].view(np.uint8) == GARBAGE).all()


NO_SLICE = 4 * 1024  # bytes of shared memory in which no slice of a map is resident: tables are in global memory
DEVICES = st.fixed_dictionaries(
    {
        "multiprocessors": st.sampled_from([1, 2, 64]),
        "max_shared_bytes": st.sampled_from([227 * 1024, 227 * 1024, 99 * 1024, NO_SLICE, NO_SLICE]),
        "max_grid_x": st.sampled_from([2**31 - 1, 2**31 - 1, 1, 3]),
        "max_grid_y": st.sampled_from([65535, 65535, 1, 2]),
        "scratch_byte": st.sampled_from([GARBAGE, 0, 0xFF]),
    }
)  # of every size; grids so small that kernels must go on from block to block


def check_forward(case: Case) -> None:
    values, cells, sources = case.expected()
    output, indices, kernel_sources = case.run()
    np.testing.assert_array_equal(decode(output, case.type_name), values)
    if case.index is not None:
        np.testing.assert_array_equal(indices, cells.astype(indices.dtype))
        np.testing.assert_array_equal(kernel_sources, sources)


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 6e-5, -3e-39, 65000.0])


@st.composite
def features(draw: st.DrawFn, shape: tuple[int, ...], type_name: str) -> rules.Array:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["ties", "normal", "special", "negative infinity"]))
    if kind == "ties":
        values = random.integers(-2, 3, shape).astype(np.float64)
    elif kind == "negative infinity":
        values = np.full(shape, -np.inf)
    else:
        values = random.standard_normal(shape) * 100
    if kind == "special":
        values = np.where(random.random(shape) < 0.3, random.choice(SPECIAL, shape), values)
    layout = draw(st.sampled_from(["contiguous", "channels_last", "part", "reversed"]))
    return with_strides(encode(values, type_name), layout)


@st.composite
def projections(draw: st.DrawFn) -> rules.Rule:
    kind = draw(st.sampled_from(["rounded", "cells", "receptive field", "floor and ceil", "any"]))
    if kind == "rounded":
        axis = rules.Axis(image_scale=draw(st.sampled_from([1.0, 0.25, 1 / 16])))
        return rules.Rule(axis, axis, rules.ONE_CELL)
    if kind == "cells":
        axis = rules.Axis(high=rules.Corner())
        return rules.Rule(axis, axis, rules.AS_IS)
    scale, stride = draw(st.sampled_from([1.0, 0.7, 1.5])), draw(st.sampled_from([1.0, 2.0, 3.0]))
    if kind == "receptive field":
        low, high = rules.Corner(0.4, rules.NEAREST), rules.Corner(-0.9, rules.NEAREST, 1)
    elif kind == "floor and ceil":
        low, high = rules.Corner(0.0, rules.FLOOR), rules.Corner(0.0, rules.CEIL)
    else:
        ops = st.sampled_from([rules.FLOOR, rules.CEIL, rules.NEAREST])
        low, high = (
            rules.Corner(draw(st.floats(-3, 3, width=32)), draw(ops), draw(st.integers(-3, 3))) for _ in range(2)
        )
    x, y = (rules.Axis(scale, s, low, high) for s in (stride, draw(st.sampled_from([stride, 1.0]))))
    return rules.Rule(x, y, draw(st.sampled_from([rules.AS_IS, rules.ONE_CELL, rules.CLAMP_TO_MAP])))


@st.composite
def boxes(draw: st.DrawFn, count: int, images: int, longest: int, type_name: str) -> rules.Array:
    """Inside, outside, tiny, huge, reversed and bad ones."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corners = random.uniform(-0.3, 1.3, (count, 4)) * longest * draw(st.sampled_from([0.3, 1, 1, 4]))
    if draw(st.booleans()):
        corners = np.round(corners * 2) / 2  # halves: where the directions of rounding part
    ordered = random.random(count) < 0.8
    corners[ordered] = np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], 1
    )[ordered]
    rows = np.concatenate([random.integers(0, images, (count, 1)), corners], 1)
    if draw(st.booleans()):
        wild = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 1e4, -1e4])
        rows[:, 1:] = np.where(random.random(corners.shape) < 0.1, random.choice(wild, corners.shape), rows[:, 1:])
        rows[:, 0] = np.where(
            random.random(count) < 0.2, random.choice([-1.0, 0.5, images, 1e9, np.nan], count), rows[:, 0]
        )
    stored = encode(rows, type_name)
    return stored if draw(st.booleans()) else np.asfortranarray(stored)


@st.composite
def cases(draw: st.DrawFn, indices: tuple[str | None, ...] = INDICES) -> Case:
    type_name = draw(st.sampled_from(list(TYPES)))
    images, channels = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3, 5, 9, 17, 40]))
    sides = st.integers(1, 24)
    shapes = draw(st.lists(st.tuples(sides, sides), min_size=1, max_size=3))
    maps = [draw(features((images, channels, *shape), type_name)) for shape in shapes]
    count = draw(st.integers(0, 9))
    box_type = draw(st.sampled_from(list(TYPES)))
    longest = max(max(shape) for shape in shapes)
    map_index = None
    if len(maps) > 1 and draw(st.booleans()):
        map_index = np.array(draw(st.lists(st.integers(-1, len(maps)), min_size=count, max_size=count)), np.int64)
    return Case(
        maps=maps,
        type_name=type_name,
        projections=[draw(projections()) for _ in maps],
        boxes=draw(boxes(count, images, longest, box_type)),
        box_type=box_type,
        map_index=map_index,
        target_area=draw(st.sampled_from([100.0, 224.0**2])),
        levels=draw(st.sampled_from(LEVELS)),
        index=draw(st.sampled_from(indices)),
        gap=draw(st.sampled_from([0, 0, 1, 6])),
        offset=draw(st.sampled_from([0, 0, 1, 2])),
    )
