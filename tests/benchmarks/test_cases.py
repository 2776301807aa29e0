from __future__ import annotations

import pytest
import torch

from spp_ops.benchmarks.cases import CASES, STRIDE, proposals, zf5_cells
from tests.benchmarks.conftest import shrunk

SHAPES = {
    "MAIN": ([(1, 256, 40, 60)], 2000, 12800),
    "SMALL": ([(1, 256, 40, 60)], 2000, 5376),
    "BATCH": ([(8, 512, 38, 38)], 4096, 15360),
    "LARGE": ([(1, 256, 75, 100)], 2000, 12800),
    "WHOLE": ([(64, 256, 13, 13)], 64, 12800),
    "GRID": ([(1, 256, 40, 60)], 2000, 12544),
    "PYRAMID": ([(1, 256, h, w) for h, w in ((200, 304), (100, 152), (50, 76), (25, 38))], 1000, 12544),
    "FIVE": ([(1, 256, h, w) for h, w in ((29, 39), (35, 47), (42, 56), (53, 71), (74, 99))], 2000, 12800),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str) -> None:
    case = CASES[name]
    maps, rows, columns = SHAPES[name]
    assert [(case.images, case.channels, *size) for size in case.maps] == maps
    assert (case.rows, case.columns) == (rows, columns)


@pytest.mark.parametrize("name", CASES)
def test_two_draws_are_the_same(name: str) -> None:
    one, two = shrunk(CASES[name]).draw(), shrunk(CASES[name]).draw()
    assert torch.equal(one.rois, two.rois)
    assert all(torch.equal(a, b) for a, b in zip(one.maps, two.maps, strict=True))
    assert not torch.equal(one.rois, shrunk(CASES[name]).draw(seed=1).rois) or CASES[name].whole or name == "ONE"


@pytest.mark.parametrize("name", CASES)
def test_boxes_lie_on_the_image_and_windows_have_cells(name: str) -> None:
    work = shrunk(CASES[name]).draw()
    width, height = work.case.image
    x1, y1, x2, y2 = work.rois[:, 1:].unbind(1)
    assert x1.min() >= 0
    assert y1.min() >= 0
    assert x2.max() < width
    assert y2.max() < height
    windows = work.windows()
    assert (windows[:, 2:] > windows[:, :2]).all()


def test_proposals_have_the_sides_they_were_asked_for() -> None:
    boxes = proposals(48, 450)((100_000, 100_000), 5000, torch.Generator().manual_seed(0))
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    assert sides.max() == 450
    assert sides.mean() == pytest.approx(249, abs=5)


def test_every_map_of_the_pyramid_serves_a_share_of_the_windows() -> None:
    shares = CASES["PYRAMID"].draw().map_index.bincount(minlength=4) / 1000
    assert shares.min() > 0.1


def test_large_windows_have_half_to_all_of_each_side() -> None:
    rois = CASES["LARGE"].boxes((1600, 1200), 2000, torch.Generator().manual_seed(0))
    part = (rois[:, 2:] - rois[:, :2] + 1) / torch.tensor([1600, 1200])
    assert part.min() >= 0.499
    assert part.max() <= 1


def test_whole_windows_are_the_maps() -> None:
    windows = CASES["WHOLE"].draw().windows()
    assert windows.unique(dim=0).tolist() == [[0, 0, 13, 13]]


def test_five_uses_every_map() -> None:
    case = CASES["FIVE"]
    boxes = case.boxes(case.image, case.windows, torch.Generator().manual_seed(0))
    assert len(boxes) == 2000
    assert (case.draw().map_index.bincount() > 200).all()


@pytest.mark.parametrize(("pixels", "cells"), [(224, 13), (180, 10)])
def test_zf5_map_sizes_are_the_papers(pixels: int, cells: int) -> None:
    assert zf5_cells(pixels) == cells


def test_windows_round_halves_up() -> None:
    work = shrunk(CASES["MAIN"]).draw()
    work.rois[0] = torch.tensor([0, STRIDE * 1.5, STRIDE * 2.49, STRIDE * 3.5, STRIDE * 4.49])
    assert work.windows()[0].tolist() == [2, 2, 5, 5]
