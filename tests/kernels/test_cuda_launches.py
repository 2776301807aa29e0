"""How forward is cut into launches: how many, what each asks of the device, which warps work together."""

from __future__ import annotations

from collections.abc import Iterator

import cuda_rules as rules
import numpy as np
import pytest
from cuda_cases import HOST, INDICES, NO_SLICE, Case, check_forward, configure, encode

CELLS = rules.Rule(rules.Axis(high=rules.Corner()), rules.Axis(high=rules.Corner()), rules.AS_IS)
SYSTEM_SHARED_BYTES = 1024  # that a block takes of a multiprocessor besides its own


@pytest.fixture(autouse=True)
def _usual_settings() -> Iterator[None]:
    HOST.take_launches()
    yield
    configure()


def case_of(
    rows: int, side: int, images: int = 1, levels: tuple[int, ...] = (6, 3, 2, 1), index: str | None = None
) -> Case:
    """Windows anywhere; some leave the map, some have no cells."""
    random = np.random.default_rng(0)
    low = random.integers(-2, side, (rows, 2))
    high = low + random.integers(0, side // 2, (rows, 2))
    boxes = np.concatenate([np.sort(random.integers(0, images, (rows, 1)), 0), low, high], 1).astype(np.float32)
    maps = [encode(random.standard_normal((images, 9, side, side)), "float32")]
    return Case(maps, "float32", [CELLS], boxes, "float32", None, 1.0, [(n, n) for n in levels], index)


PLACE, TABLES, PAIR, TEAM, SLICE = 128, 256, 64, 256, 512  # threads of a block, by what it does


def blocks_of(case: Case) -> list[int]:
    """The threads of the blocks of each launch of a call whose results are right."""
    HOST.take_launches()
    check_forward(case)
    return [launch.threads for launch in HOST.take_launches()]


@pytest.mark.parametrize("images", [1, 3])
def test_forward_takes_two_launches(images: int) -> None:
    """Whichever way it goes, and however many images there are."""
    assert blocks_of(case_of(90, 12, images)) == [PLACE, SLICE]
    configure(max_shared_bytes=NO_SLICE)
    assert blocks_of(case_of(90, 12, images)) == [TABLES, PAIR]


@pytest.mark.parametrize(
    ("device", "early"),
    [
        ({}, True),
        ({"device_version": 80}, False),
        ({"code_version": 80}, False),  # compiled for an older processor, translated for this one: it does not wait
        ({"capturing": True}, False),
    ],
)
@pytest.mark.parametrize("shared", [227 * 1024, NO_SLICE])
def test_the_second_launch_begins_early_where_its_code_waits(shared: int, device: dict[str, int], early: bool) -> None:
    configure(max_shared_bytes=shared, **device)
    check_forward(case_of(90, 12, 2))
    assert [launch.early for launch in HOST.take_launches()] == [False, early]


@pytest.mark.parametrize("order", [{}, {"random_order": True, "seed": 5}], ids=["in order", "in any order"])
@pytest.mark.parametrize("levels", [(6, 3, 2, 1), (4, 3), (11, 2)])  # the last is larger than the buffer
@pytest.mark.parametrize("index", INDICES)
def test_few_windows_are_shared_by_all_warps_of_a_block(
    index: str | None, levels: tuple[int, ...], order: dict[str, int]
) -> None:
    configure(multiprocessors=132, max_shared_bytes=NO_SLICE, **order)
    case = case_of(7, 13, 2, levels, index)
    case.boxes[3, 0] = 9  # a bad row
    assert blocks_of(case) == [TABLES, TEAM]


def test_many_windows_have_a_warp_each() -> None:
    """From half of what the device takes at once."""
    for multiprocessors, threads in ((4, PAIR), (5, TEAM)):
        configure(multiprocessors=multiprocessors, max_shared_bytes=NO_SLICE)
        assert blocks_of(case_of(32, 13)) == [TABLES, threads]


@pytest.mark.parametrize("index", INDICES)
def test_few_windows_on_a_large_map_need_tables_under_them_only(index: str | None) -> None:
    """Tiles of 16 x 32 cells: the windows lie in few of them, touch their edges, or have no cells."""
    configure(max_shared_bytes=NO_SLICE, multiprocessors=132)
    random = np.random.default_rng(7)
    height, width = 70, 130
    maps = [encode(random.standard_normal((2, 5, height, width)), "float32") for _ in range(2)]
    boxes = np.array(
        [[0, 33, 17, 60, 31], [1, 64, 32, 96, 48], [1, 63, 31, 64, 32], [0, 63, 40, 65, 49], [0, -9, -9, -1, -1]],
        np.float32,
    )
    index_of_map = np.array([0, 1, 1, 0, 1], np.int64)
    levels = [(3, 3), (1, 1)]
    check_forward(Case(maps, "float32", [CELLS, CELLS], boxes, "float32", index_of_map, 1.0, levels, index))
    # Of the 25 tiles of each map and image three windows lie in one, and one where four meet.
    vectors = {None: 2, "uint16": 3, "int32": 3}[index]
    tables = 5
    tiles = 1 + 1 + 1 + 4
    touched = tables * tiles * 16 * 32 * vectors * 16
    whole = tables * 2 * 2 * height * width * vectors * 16
    assert HOST.untouched_workspace_bytes() > whole - 1.01 * touched


@pytest.mark.parametrize("byte", [0, 0xFF])
@pytest.mark.parametrize("shared", [227 * 1024, NO_SLICE])
def test_a_workspace_may_hold_anything_before(shared: int, byte: int) -> None:
    """And a bad row writes nothing beside what is its own, though 96 rows leave no room between parts of it."""
    case = case_of(96, 12, 3)
    case.boxes[[0, 40], 0] = 7  # bad rows
    for seed in range(4):
        configure(max_shared_bytes=shared, scratch_byte=byte, random_order=True, seed=seed)
        check_forward(case)


def test_spans_of_sources() -> None:
    """In any order; what lies in memory before and behind the rows is none of them, whatever it holds."""
    sources = np.array([2, 2, 0, 0, -1, 2, 0, 3, 3], np.int32)[1:-1]
    rows = len(sources)
    none = np.iinfo(np.uint64).max
    spans = HOST.find_spans(sources, 4)
    assert spans.tolist() == [[1, rows - 1 - 5], [none, none], [0, rows - 1 - 4], [6, 0]]


def test_whole_maps_are_made_whole() -> None:
    """A window an image: no tile is left out, and none need be looked for."""
    configure(max_shared_bytes=NO_SLICE, multiprocessors=132)
    random = np.random.default_rng(8)
    maps = [encode(random.standard_normal((6, 5, 13, 13)), "float32")]
    boxes = np.array([[i, 0, 0, 13, 13] for i in range(6)], np.float32)
    check_forward(Case(maps, "float32", [CELLS], boxes, "float32", None, 1.0, [(6, 6), (3, 3), (2, 2), (1, 1)], None))


# By the threads of a block: pool_windows, build_tables, and pool_resident or scatter_gradients.
TOGETHER = {64: 8, 256: 4, 512: 2}


@pytest.mark.parametrize("device", [{}, {"max_shared_bytes": 99 * 1024}, {"max_shared_bytes": NO_SLICE}])
def test_shared_memory_is_carved_out_for_the_blocks_that_are_to_run_together(device: dict[str, int]) -> None:
    """Kernels without shared memory leave it to the driver."""
    configure(**device)
    whole = device.get("max_shared_bytes", 227 * 1024) + SYSTEM_SHARED_BYTES
    check_forward(case_of(40, 12))
    gradients = np.ones((3, 4), np.float32)
    HOST.backward(gradients, 0, np.zeros((3, 4), np.int32), np.zeros(3, np.int32), [(2, 2)], [(3, 4)], 1, 1, True)
    asking = [launch for launch in HOST.take_launches() if launch.shared_bytes]
    assert len(asking) >= 2
    for launch in asking:
        bytes_together = TOGETHER[launch.threads] * (launch.shared_bytes + SYSTEM_SHARED_BYTES)
        assert launch.carve_out == min(100, -(-100 * bytes_together // whole))
