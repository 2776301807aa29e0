"""The ways of reading bins, from cells packed for all windows or for each, and from tables, give the same."""

from __future__ import annotations

import cpu_kernels_build
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import spp_ops

KERNELS = cpu_kernels_build.load()
LEVELS = (6, (4, 3), 2, 1)
FLAT_LEVELS = [6, 6, 4, 3, 2, 2, 1, 1]
RULE = spp_ops.Projection.rounded(1 / 16)


def boxes(count: int, images: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Small and large ones, some of them partly or wholly outside a map of 24 x 31 cells."""
    corners = generator.uniform(-150, 650, (count, 4))
    index = generator.integers(0, images, (count, 1))
    return np.concatenate([index, np.sort(corners.reshape(count, 2, 2), 1).reshape(count, 4)], 1).astype(np.float32)


@pytest.mark.parametrize("target", ["baseline", "avx2", "avx512"])
@pytest.mark.parametrize("reading", ["cells", "tables", "windows", "auto"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("channels_last", [False, True])
def test_ways_of_reading_agree(target: str, reading: str, threads: int, channels_last: bool) -> None:
    generator = np.random.default_rng(0)
    features = np.maximum(generator.standard_normal((2, 21, 24, 31)), 0).astype(np.float32)  # zeros tie
    features[0, 3, 5, 7] = np.nan
    rois = boxes(60, 2, generator)
    given = features.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if channels_last else features
    try:
        output, indices, _ = KERNELS.forward(
            given, rois, FLAT_LEVELS, RULE.numbers(), target=target, reading=reading, threads=threads
        )
    except ValueError as error:
        pytest.skip(str(error))
    expected = spp_ops.reference.roi_spatial_pyramid_pool(
        torch.from_numpy(features), torch.from_numpy(rois), LEVELS, RULE
    )
    torch.testing.assert_close(torch.from_numpy(output), expected, rtol=0, atol=0, equal_nan=True)

    images = features[rois[:, 0].astype(int)].reshape(60, 21, -1)
    parts = np.split(
        indices, np.cumsum([21 * r * c for r, c in zip(FLAT_LEVELS[::2], FLAT_LEVELS[1::2], strict=True)]), 1
    )
    for part, values in zip(parts, np.split(output, np.cumsum([21 * 36, 21 * 12, 21 * 4, 21]), 1), strict=True):
        cells, wanted = part.reshape(60, 21, -1), values.reshape(60, 21, -1)
        picked = np.where(cells < 0, 0, np.take_along_axis(images, np.maximum(cells, 0), 2))
        np.testing.assert_array_equal(picked, wanted)


def windows_from_tables(
    features: NDArray[np.float32], rois: NDArray[np.float32], levels: list[int], reading: str
) -> int:
    """Return how many there are, after a look that they are pooled as cell by cell."""
    given = (features, rois, levels, RULE.numbers())
    output, indices, from_tables = KERNELS.forward(*given, target="baseline", reading=reading)
    by_cells, cell_indices, none = KERNELS.forward(*given, target="baseline", reading="cells")
    assert none == 0
    np.testing.assert_array_equal(output, by_cells)
    np.testing.assert_array_equal(indices, cell_indices)
    return int(from_tables)


def test_tables_serve_the_common_sizes_and_cells_the_rest() -> None:
    generator = np.random.default_rng(1)
    features = generator.standard_normal((1, 16, 40, 60)).astype(np.float32)
    corners = 16 * generator.integers(0, 12, (300, 2))
    extents = 16 * np.concatenate([generator.integers(12, 20, (250, 2)), generator.integers(1, 6, (50, 2))])
    rois = np.concatenate([np.zeros((300, 1)), corners, corners + extents], 1).astype(np.float32)
    assert 0 < windows_from_tables(features, rois, FLAT_LEVELS, "auto") < 300


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 19), (33, 64), (70, 5)])
@pytest.mark.parametrize("largest", [2, 40, 1200])
def test_tables_on_maps_of_any_shape(shape: tuple[int, int], largest: int) -> None:
    generator = np.random.default_rng(2)
    features = generator.standard_normal((1, 16, *shape)).astype(np.float32)
    corners = generator.uniform(-100, 16 * max(shape), (80, 2))
    rois = np.concatenate([np.zeros((80, 1)), corners, corners + generator.uniform(0, largest, (80, 2))], 1)
    assert windows_from_tables(features, rois.astype(np.float32), [3, 4, 5, 2], "tables") == 80


def test_tables_where_all_windows_are_outside() -> None:
    features, rois = np.ones((1, 3, 4, 5), np.float32), np.array([[0, 500, 500, 600, 600]], np.float32)
    output, indices, _ = KERNELS.forward(features, rois, [2, 2], RULE.numbers(), target="baseline", reading="tables")
    assert (output == 0).all()
    assert (indices == -1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reading": "maps"}, "reading: expected"),
        ({"threads": 0}, "threads: expected"),
        ({"target": "sse9"}, "target:"),
    ],
)
def test_bad_choices(change: dict[str, object], message: str) -> None:
    options = {"target": "baseline", "reading": "auto", "threads": 1} | change
    rois = np.zeros((1, 5), np.float32)
    with pytest.raises(ValueError, match=message):
        KERNELS.forward(np.ones((1, 1, 2, 2), np.float32), rois, [1, 1], RULE.numbers(), **options)
