"""The CUDA sources of backward and gather, run on the host, against the rules."""

from __future__ import annotations

from collections.abc import Iterator

import cuda_rules as rules
import numpy as np
import pytest
from cuda_cases import DEVICES, HOST, PROPERTY, TYPES, Case, cases, configure, decode, encode
from hypothesis import given
from hypothesis import strategies as st

PRECISION = {"float32": 2e-5, "float64": 1e-11, "float16": 2e-3, "bfloat16": 2e-2}


@pytest.fixture(autouse=True)
def _usual_device() -> Iterator[None]:
    yield
    configure()


def scatter(
    gradients: rules.Array,
    type_name: str,
    indices: rules.Array,
    sources: rules.Array,
    case: Case,
    deterministic: bool,
    channels_last: bool = False,
) -> list[rules.Array]:
    """Gradients of the maps, [N, C, H, W], as the kernels write them to memory of that layout or channels-last."""
    shapes = case.shapes
    return list(
        HOST.backward(
            gradients,
            TYPES[type_name],
            indices,
            sources,
            case.levels,
            shapes,
            case.images,
            case.channels,
            deterministic,
            [channels_last] * len(shapes),
        )
    )


def blank(
    shape: tuple[int, ...], rows: int, type_name: str, levels: list[tuple[int, int]], index: str = "int32"
) -> Case:
    """A case of which only the sizes matter."""
    return Case([np.zeros(shape)], type_name, [], np.zeros((rows, 5)), "float32", None, 1, levels, index)


def gradients_of(case: Case, seed: int, kind: str) -> rules.Array:
    random = np.random.default_rng(seed)
    columns = case.channels * sum(rows * columns for rows, columns in case.levels)
    values = random.standard_normal((len(case.boxes), columns))
    if kind == "wide range":
        values *= 2.0 ** random.integers(-8, 8, values.shape)
    if kind == "special":
        wild = random.choice([np.inf, -np.inf, np.nan], values.shape)
        values = np.where(random.random(values.shape) < 0.05, wild, values)
    stored = encode(values, case.type_name)
    if kind == "strided":
        return np.repeat(np.repeat(stored, 2, 0), 3, 1)[::2, ::3]
    return np.broadcast_to(stored[:, :1], stored.shape) if kind == "expanded" and columns > 0 else stored


@PROPERTY
@given(
    cases(indices=("uint16", "int32")),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["plain", "wide range", "special", "strided", "expanded"]),
    st.booleans(),
    DEVICES,
    st.booleans(),
    st.booleans(),
)
def test_any_backward(
    case: Case, seed: int, kind: str, deterministic: bool, device: dict[str, int], bands: bool, channels_last: bool
) -> None:
    """Few and many multiprocessors choose few and many channels a block; little shared memory makes bands of cells."""
    configure(**device | {"max_shared_bytes": (10 if bands else 227) * 1024})
    _, cells, sources = case.expected()
    gradients = gradients_of(case, seed, kind)
    wide = decode(gradients, case.type_name)
    expected = rules.backward(wide, cells, sources, case.levels, case.shapes, case.images, case.channels)
    size = rules.backward(np.abs(wide), cells, sources, case.levels, case.shapes, case.images, case.channels)
    stored = cells.astype(case.index)
    got = scatter(gradients, case.type_name, stored, sources.astype(np.int32), case, deterministic, channels_last)
    for mine, yours, total in zip(got, expected, size, strict=True):
        compare(decode(mine, case.type_name), yours, total, PRECISION[case.type_name])


def compare(got: rules.Array, expected: rules.Array, total: rules.Array, precision: float) -> None:
    """Equal up to rounding, which is a share of the sum of magnitudes; NaN and inf exactly."""
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    assert np.isfinite(got[finite]).all()
    assert (np.abs(got[finite] - expected[finite]) <= precision * total[finite] + 1e-30).all()


@pytest.mark.parametrize("type_name", TYPES)
def test_deterministic_sums_do_not_depend_on_the_order(type_name: str) -> None:
    """Bitwise equal under any order of rows, blocks and threads, over gradients of very different sizes."""
    random = np.random.default_rng(0)
    rows, channels = 300, 3
    case = Case(
        [np.zeros((1, channels, 4, 5))],
        type_name,
        [],
        np.zeros((rows, 5)),
        "float32",
        None,
        1,
        [(2, 2), (1, 1)],
        "int32",
    )
    values = random.standard_normal((rows, channels * 5)) * 10.0 ** random.uniform(-4, 3, (rows, channels * 5))
    gradients = encode(values, type_name)
    cells = random.integers(0, 20, values.shape).astype(np.int32)
    sources = np.zeros(rows, np.int32)
    first = scatter(gradients, type_name, cells, sources, case, True)[0]
    for seed in range(3):
        configure(random_order=True, seed=seed)
        order = random.permutation(rows)
        again = scatter(gradients[order], type_name, cells[order], sources, case, True)[0]
        assert again.tobytes() == first.tobytes()
    exact = rules.backward(decode(gradients, type_name), cells, sources, case.levels, [(4, 5)], 1, channels)[0]
    np.testing.assert_allclose(decode(first, type_name), exact, rtol=PRECISION[type_name], atol=1e-6)


@pytest.mark.parametrize("type_name", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-44, 1e-38, 1e-30, 1.0, 1e30, 3e38, 1e-320, 1e300])
def test_deterministic_sums_at_the_ends_of_the_range(type_name: str, scale: float) -> None:
    info = np.finfo(type_name)
    if not float(info.smallest_subnormal) <= scale <= float(info.max):
        pytest.skip(f"not a {type_name}")
    case = blank((1, 1, 1, 4), 3, type_name, [(1, 4)])
    gradients = encode(np.array([[1, -1, 1, 0.5], [-0.5, 0.25, -1, 0], [0, 0, 0, 0]]) * scale, type_name)
    cells = np.array([[0, 1, 2, 3]] * 3, np.int32)
    got = scatter(gradients, type_name, cells, np.zeros(3, np.int32), case, True)[0]
    np.testing.assert_array_equal(got.ravel(), gradients.sum(0))


def test_deterministic_sums_are_as_exact_as_float64_allows() -> None:
    """Large parts that cancel leave what is small."""
    case = blank((1, 1, 1, 1), 4, "float64", [(1, 1)])
    gradients = np.array([[1e6], [1e-14], [-1e6], [3e-15]])
    got = scatter(gradients, "float64", np.zeros((4, 1), np.int32), np.zeros(4, np.int32), case, True)[0]
    np.testing.assert_allclose(got.item(), 1.3e-14, rtol=1e-3)


@pytest.mark.parametrize("type_name", PRECISION)
def test_channels_last_maps_get_channels_last_gradients(type_name: str) -> None:
    case = blank((2, 11, 5, 7), 30, type_name, [(2, 2), (1, 1)])
    random = np.random.default_rng(0)
    gradients = encode(random.standard_normal((30, 55)), type_name)
    cells = random.integers(0, 35, (30, 55)).astype("int32")
    sources = random.integers(0, 2, 30).astype("int32")
    arguments = (gradients, TYPES[type_name], cells, sources, case.levels, case.shapes, 2, 11, True)
    (planes,), (last,) = HOST.backward(*arguments), HOST.backward(*arguments, [True])
    assert last.transpose(0, 2, 3, 1).flags.c_contiguous
    np.testing.assert_array_equal(last, planes)


def test_no_rows_give_zeros() -> None:
    for channels, shape in [(3, (2, 5)), (0, (2, 5)), (3, (0, 5))]:
        case = blank((2, channels, *shape), 0, "float32", [(2, 2)])
        empty = np.zeros((0, channels * 4), np.float32)
        for deterministic in (False, True):
            got = scatter(empty, "float32", empty.astype(np.int32), np.zeros(0, np.int32), case, deterministic)[0]
            assert got.shape == (2, channels, *shape)
            assert not got.any()


def test_more_bins_than_threads() -> None:
    case = blank((1, 2, 3, 3), 2, "float32", [(30, 30), (1, 1)], "uint16")
    random = np.random.default_rng(5)
    gradients = random.integers(-4, 5, (2, 2 * 901)).astype(np.float32)
    cells = random.integers(-1, 9, gradients.shape)
    sources = np.array([0, -1], np.int32)
    expected = rules.backward(gradients, cells, sources, case.levels, case.shapes, 1, 2)
    for deterministic in (False, True):
        got = scatter(gradients, "float32", cells.astype(np.uint16), sources, case, deterministic)
        np.testing.assert_array_equal(got[0], expected[0])


@PROPERTY
@given(cases(indices=("uint16", "int32")), DEVICES)
def test_any_gather(case: Case, device: dict[str, int]) -> None:
    configure(**device)
    _, cells, sources = case.expected()
    got = HOST.gather(case.maps, TYPES[case.type_name], cells.astype(case.index), sources.astype(np.int32), case.levels)
    np.testing.assert_array_equal(
        decode(got, case.type_name), rules.gather(case.decoded_maps(), cells, sources, case.levels)
    )


def test_gather_and_backward_refuse_cells_and_sources_that_are_not_there() -> None:
    """Saved tensors can come back changed: nothing may be read or written out of range."""
    case = blank((1, 1, 2, 2), 3, "float32", [(1, 2)])
    case.maps = [np.ones((1, 1, 2, 2), np.float32)]
    cells = np.array([[4, 2**31 - 1], [-7, 3], [1, 1]], np.int32)
    for beyond in (5, 1, -1, -7, 2**31 - 1, -(2**31)):
        sources = np.array([0, 0, beyond], np.int32)
        got = HOST.gather(case.maps, 0, cells, sources, case.levels)
        np.testing.assert_array_equal(got, [[0, 0], [0, 1], [0, 0]])
    for deterministic in (False, True):
        gradient = scatter(np.ones((3, 2), np.float32), "float32", cells, sources, case, deterministic)[0]
        np.testing.assert_array_equal(gradient.ravel(), [0, 0, 0, 1])
    two = blank((2, 1, 2, 2), 4, "float32", [(1, 1)])
    sources = np.array([2, 1, 2**31 - 1, -(2**31)], np.int32)
    for deterministic in (False, True):
        gradient = scatter(
            np.ones((4, 1), np.float32), "float32", np.ones((4, 1), np.int32), sources, two, deterministic
        )
        np.testing.assert_array_equal(gradient[0].ravel(), [0, 0, 0, 0, 0, 1, 0, 0])
