"""The CUDA sources of forward, run on the host, against the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cuda_rules as rules
import numpy as np
import pytest
from cuda_cases import DEVICES, INDICES, NO_SLICE, PROPERTY, TYPES, Case, cases, check_forward, configure, encode
from hypothesis import given

PLAIN = rules.Rule(rules.Axis(), rules.Axis())
CELLS = rules.Rule(rules.Axis(high=rules.Corner()), rules.Axis(high=rules.Corner()), rules.AS_IS)


@pytest.fixture(autouse=True, params=[None, NO_SLICE], ids=["resident", "global"])
def _device(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways of forward: tables in shared memory where slices fit, and in global memory."""
    configure(**({} if request.param is None else {"max_shared_bytes": request.param}))
    yield
    configure()


def case_of(
    shape: tuple[int, ...],
    boxes: Sequence[Sequence[float]],
    levels: list[tuple[int, int]],
    index: str | None = "int32",
    type_name: str = "float32",
) -> Case:
    values = np.random.default_rng(0).standard_normal(shape)
    stored = np.array(boxes, np.float32).reshape(-1, 5)
    return Case([encode(values, type_name)], type_name, [CELLS], stored, "float32", None, 1.0, levels, index)


@PROPERTY
@given(cases(), DEVICES)
def test_any_call(case: Case, device: dict[str, int]) -> None:
    configure(**device)
    check_forward(case)


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("type_name", TYPES)
def test_each_pair_of_types(type_name: str, index: str | None) -> None:
    """With more channels than one warp takes."""
    values = np.random.default_rng(1).integers(-9, 9, (1, 131, 11, 12)).astype(np.float64)
    rows = np.array([[0, x, x % 3, 11 - x, 9 - x % 5] for x in range(0, 8, 2)], np.float32)
    check_forward(
        Case([encode(values, type_name)], type_name, [PLAIN], rows, "float32", None, 1.0, [(3, 2), (1, 1)], index)
    )


@pytest.mark.parametrize("levels", [[(70, 70)], [(6, 6), (40, 3), (2, 2)], [(86, 1)], [(85, 1)], [(1, 200)]])
@pytest.mark.parametrize("type_name", ["float32", "float16"])
def test_pyramids_larger_than_the_buffer(levels: list[tuple[int, int]], type_name: str) -> None:
    check_forward(
        case_of((1, 3, 13, 11), [[0, 0, 0, 11, 13], [0, 2, 3, 9, 4], [0, -5, -6, 30, 40]], levels, "uint16", type_name)
    )


def test_sixteen_maps_and_sixteen_levels() -> None:
    random = np.random.default_rng(3)
    maps = [encode(random.standard_normal((2, 4, 3 + m, 20 - m)), "float32") for m in range(16)]
    boxes = np.concatenate([random.integers(0, 2, (32, 1)), random.uniform(0, 20, (32, 4))], 1)
    case = Case(
        maps=maps,
        type_name="float32",
        projections=[rules.Rule(rules.Axis(1 / (m + 1)), rules.Axis(1 / (m + 1))) for m in range(16)],
        boxes=boxes,
        box_type="float64",
        map_index=None,
        target_area=4.0,
        levels=[(1 + n % 4, 1 + n // 4) for n in range(16)],
        index="uint16",
    )
    check_forward(case)
    case.map_index = np.arange(32) % 16
    check_forward(case)


@pytest.mark.parametrize("shape", [(1, 4, 60, 70), (2, 40, 17, 33), (1, 1, 1, 100), (1, 2, 100, 1)])
def test_many_windows_make_tables(shape: tuple[int, ...]) -> None:
    """Bins of every size up to the whole map, all of them covered by squares that overlap."""
    random = np.random.default_rng(4)
    height, width = shape[2:]
    low = random.integers(0, [width, height], (9, 2))
    high = random.integers(low + 1, [width + 1, height + 1])
    rows = np.concatenate([random.integers(0, shape[0], (9, 1)), low, high], 1).astype(np.float32)
    copies = 2 * height * width  # so many that tables pay even with one bin a window
    case = case_of(shape, [], [(2, 2), (1, 1)])
    case.boxes = np.repeat(rows, -(-copies // 9 // 4), 0)
    distinct = case_of(shape, rows.tolist(), [(2, 2), (1, 1)])
    values, cells, _ = distinct.expected()
    output, indices, _ = case.run()
    every = len(case.boxes) // 9
    np.testing.assert_array_equal(output[::every], values.astype(np.float32))
    np.testing.assert_array_equal(indices[::every], cells)
    assert (output == np.repeat(output[::every], every, 0)).all()


def test_nothing_to_do() -> None:
    """No rows, no channels, no cells."""
    for shape, boxes in [((1, 4, 5, 5), []), ((1, 0, 5, 5), [[0, 0, 0, 3, 3]]), ((1, 4, 0, 5), [[0, 0, 0, 3, 3]])]:
        case = case_of(shape, boxes, [(2, 2), (1, 1)])
        check_forward(case)
