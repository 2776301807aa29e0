"""What only odd addresses, long lists, large sums and offsets past 32 bits show of the CUDA sources."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import cuda_rules as rules
import numpy as np
import pytest
from cuda_cases import HOST, INDICES, NO_SLICE, TYPES, Case, check_forward, configure, encode

CELLS = rules.Rule(rules.Axis(high=rules.Corner()), rules.Axis(high=rules.Corner()), rules.AS_IS)
LEVELS = [(3, 2), (2, 2), (1, 1)]


@pytest.fixture(autouse=True, params=[None, NO_SLICE], ids=["resident", "global"])
def memory(request: pytest.FixtureRequest) -> Iterator[dict[str, int]]:
    """Both ways of forward: tables in shared memory where slices fit, and in global memory."""
    device = {} if request.param is None else {"max_shared_bytes": request.param}
    configure(**device)
    yield device
    configure()


def call(maps: list[rules.Array], type_name: str, boxes: rules.Array, index: str | None = "int32") -> Case:
    return Case(maps, type_name, [CELLS] * len(maps), boxes, "float32", None, 1.0, LEVELS, index)


def boxes_on(images: int, height: int, width: int, count: int = 12) -> rules.Array:
    random = np.random.default_rng(0)
    low = random.integers(0, [width, height], (count, 2))
    high = random.integers(low + 1, [width + 1, height + 1])
    return np.concatenate([random.integers(0, images, (count, 1)), low, high], 1).astype(np.float32)


def placed(values: rules.Array, strides: tuple[int, ...], before: int = 0) -> rules.Array:
    """The values in memory of exactly their reach; `strides` and `before` in elements."""
    reach = 1 + sum(stride * (size - 1) for stride, size in zip(strides, values.shape, strict=True))
    memory = np.zeros(before + reach, values.dtype)
    part = np.lib.stride_tricks.as_strided(
        memory[before:], values.shape, [stride * values.itemsize for stride in strides]
    )
    part[:] = values
    return part


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("type_name", TYPES)
@pytest.mark.parametrize("channels", [16, 17, 19])
@pytest.mark.parametrize("odd", ["nothing", "address", "image", "row", "column"])
def test_channels_last_maps_at_odd_places(odd: str, channels: int, type_name: str, index: str | None) -> None:
    """Channels are read 16 bytes at once: not where a stride or the address is odd, and never past the last one."""
    images, height, width = 2, 5, 4
    column = channels + (-channels % 16 if odd != "column" else 1 - channels % 2)
    row = column * width + (odd == "row")
    strides = (row * height + (odd == "image"), 1, row, column)
    values = np.random.default_rng(1).integers(-9, 9, (images, channels, height, width)).astype(np.float64)
    features = placed(encode(values, type_name), strides, int(odd == "address"))
    check_forward(call([features], type_name, boxes_on(images, height, width), index))


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("type_name", TYPES)
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 2), (2, 1), (1, 1), (3, 4)])
def test_outputs_at_odd_places(place: tuple[int, int], type_name: str, index: str | None) -> None:
    """Several numbers leave by one store: not where the address, or the distance of the rows, is odd."""
    values = np.random.default_rng(1).integers(-9, 9, (2, 16, 6, 7)).astype(np.float64)
    case = call([encode(values, type_name)], type_name, boxes_on(2, 6, 7), index)
    case.levels = [(2, 2), (4, 4), (1, 2)]
    case.offset, case.gap = place
    check_forward(case)


def sparse(shape: tuple[int, ...], strides: tuple[int, ...], dtype: str) -> rules.Array:
    """Zeros whose elements lie gigabytes apart, of memory that exists only where it is touched."""
    item = np.dtype(dtype).itemsize
    reach = 1 + sum(stride * (size - 1) for stride, size in zip(strides, shape, strict=True))
    no_reserve = 0x4000
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve
    memory = mmap.mmap(-1, reach * item, flags=flags)
    whole = np.frombuffer(memory, dtype)
    return np.lib.stride_tricks.as_strided(whole, shape, [stride * item for stride in strides])


FAR = 2**32 + 6  # elements; cut to 32 bits it is 6: another element, which holds another number
FAR_STRIDES = [(FAR, 20, 4, 1), (60, FAR, 4, 1), (60, 20, FAR, 1), (60, 20, 4, FAR)]


@pytest.mark.parametrize("strides", FAR_STRIDES, ids=["image", "channel", "row", "column"])
def test_maps_past_32_bits(strides: tuple[int, ...]) -> None:
    features = sparse((2, 3, 4, 4), strides, "float32")
    features[:] = np.random.default_rng(2).permutation(96).reshape(features.shape)
    case = call([features], "float32", boxes_on(2, 4, 4))
    check_forward(case)
    _, cells, sources = case.expected()
    got = HOST.gather(case.maps, TYPES["float32"], cells.astype(np.int32), sources.astype(np.int32), case.levels)
    np.testing.assert_array_equal(got, rules.gather(case.maps, cells, sources, case.levels))


@pytest.mark.parametrize("strides", [(FAR, 1), (1, FAR)], ids=["row", "column"])
def test_boxes_past_32_bits(strides: tuple[int, ...]) -> None:
    boxes = sparse((4, 5), strides, "float32")
    boxes[:] = boxes_on(2, 6, 7, 4)
    check_forward(call([np.random.default_rng(2).standard_normal((2, 3, 6, 7)).astype(np.float32)], "float32", boxes))


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("strides", [(FAR, 1), (1, FAR)], ids=["row", "column"])
def test_gradients_past_32_bits(strides: tuple[int, ...], deterministic: bool) -> None:
    shape = (4, 3 * 11)
    gradients = sparse(shape, strides, "float32")
    random = np.random.default_rng(2)
    gradients[:] = random.permutation(shape[0] * shape[1]).reshape(shape)
    cells = random.integers(0, 12, shape)
    sources = np.array([0, 1, 1, 0], np.int32)
    got = HOST.backward(gradients, 0, cells.astype(np.int32), sources, LEVELS, [(3, 4)], 2, 3, deterministic)
    np.testing.assert_array_equal(got[0], rules.backward(gradients, cells, sources, LEVELS, [(3, 4)], 2, 3)[0])


@pytest.mark.parametrize("index", [None, "int32"])
def test_outputs_past_32_bits(index: str | None) -> None:
    """Rows that lie gigabytes apart; those between are memory that nobody touches."""
    case = call(
        [np.random.default_rng(2).standard_normal((1, 3, 6, 7)).astype(np.float32)], "float32", boxes_on(1, 6, 7, 3)
    )
    case.index = index
    values, _, _ = case.expected()
    output = sparse(values.shape, (FAR + 28, 1), "float32")
    HOST.forward_into(output, case.maps, 0, [CELLS.numbers()], case.boxes, 0, None, 1.0, LEVELS, index)
    np.testing.assert_array_equal(output, values.astype(np.float32))


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("deterministic", [False, True])
def test_more_rows_of_one_image_than_a_list_holds(deterministic: bool, images: int, memory: dict[str, int]) -> None:
    """Rows are listed 2,048 at a time: the list must not change while it is read."""
    rows = 2048 * 2 + 700
    random = np.random.default_rng(3)
    gradients = random.integers(-3, 4, (rows, 2)).astype(np.float32)
    cells = random.integers(0, 6, gradients.shape)
    sources = (random.random(rows) < 0.1).astype(np.int32) * (images - 1)
    for order in ({}, {"random_order": True, "seed": 1}):
        configure(**order, **memory)
        got = HOST.backward(gradients, 0, cells.astype(np.int32), sources, [(1, 1)], [(2, 3)], images, 2, deterministic)
        expected = rules.backward(gradients, cells, sources, [(1, 1)], [(2, 3)], images, 2)[0]
        np.testing.assert_array_equal(got[0], expected)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("type_name", ["float32", "float64"])
@pytest.mark.parametrize("rows", [255, 256, 257])
def test_exact_sums_of_the_largest_gradients_do_not_overflow(rows: int, type_name: str, sign: int) -> None:
    """All additions that there may be go to one cell, each as large as the unit allows."""
    largest = np.nextafter(np.array(2, type_name), np.array(0, type_name))
    gradients = np.full((rows, 1), sign * largest)
    zeros = np.zeros((rows, 1), np.int32)
    got = HOST.backward(gradients, TYPES[type_name], zeros, zeros[:, 0], [(1, 1)], [(1, 1)], 1, 1, True)[0]
    np.testing.assert_allclose(got.item(), sign * rows * float(largest), rtol=2e-7)


def rounds_twice(scale: float, offset: float) -> rules.Array:
    """Positions that a fused multiply-add, which rounds once, would put on the other side of a cell's edge."""
    edges = ((np.arange(1, 24) - offset) / scale).astype(np.float32)
    positions = np.unique([np.nextafter(edges, np.float32(way)) for way in (-1e9, 1e9)] + [edges])
    plain = positions * np.float32(scale) + np.float32(offset)
    exact = positions.astype(np.float64) * np.float64(np.float32(scale)) + np.float64(np.float32(offset))
    return positions[np.floor(plain) != np.floor(exact.astype(np.float32))]


@pytest.mark.parametrize(("scale", "offset"), [(0.7, 0.3), (1 / 3, -0.3), (1.3, 0.9)])
def test_corners_are_projected_with_two_roundings(scale: float, offset: float) -> None:
    positions = rounds_twice(scale, offset)
    assert len(positions) >= 1
    corner = rules.Corner(offset, rules.FLOOR)
    axis = rules.Axis(scale, 1.0, corner, rules.Corner(offset, rules.FLOOR, 1))
    features = np.arange(24 * 24, dtype=np.float32).reshape(1, 1, 24, 24)
    x = positions[:8]
    boxes = np.stack([np.zeros_like(x), x, x, x, x], 1)
    check_forward(Case([features], "float32", [rules.Rule(axis, axis)], boxes, "float32", None, 1.0, [(1, 1)], "int32"))


@pytest.mark.parametrize("index", INDICES)
def test_the_last_rows_and_columns_of_a_tile_count(index: str | None) -> None:
    """Maps of one tile more, one less, or exactly; the maximum of every bin lies in its last cell."""
    for height, width in [(15, 31), (16, 32), (17, 33), (32, 64), (33, 65)]:
        features = np.arange(height * width, dtype=np.float32).reshape(1, 1, height, width)
        boxes = np.array([[0, x, y, width, height] for x in (0, width - 3) for y in (0, height - 3)], np.float32)
        case = call([features], "float32", np.repeat(boxes, 1 + height * width // 8, 0), index)
        case.levels = [(2, 2), (1, 1)]
        distinct = call([features], "float32", boxes, index)
        distinct.levels = case.levels
        values, _, _ = distinct.expected()
        output, _, _ = case.run()
        np.testing.assert_array_equal(output, np.repeat(values, 1 + height * width // 8, 0))


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("order", [{}, {"random_order": True, "seed": 3}], ids=["in order", "in any order"])
def test_blocks_that_go_on_with_other_work(images: int, order: dict[str, int], memory: dict[str, int]) -> None:
    """Many rows, so that every warp has some; a grid of one, so that one block does everything after each other."""
    configure(**order, max_grid_x=1, max_grid_y=1, **memory)
    random = np.random.default_rng(6)
    features = random.integers(-5, 6, (images, 9, 5, 6)).astype(np.float32)
    distinct = boxes_on(images, 5, 6, 12)
    chosen = random.integers(0, len(distinct), 700)
    values, cells, sources = call([features], "float32", distinct).expected()
    output, indices, got_sources = call([features], "float32", distinct[chosen]).run()
    np.testing.assert_array_equal(output, values.astype(np.float32)[chosen])
    np.testing.assert_array_equal(indices, cells[chosen])
    np.testing.assert_array_equal(got_sources, sources[chosen])
