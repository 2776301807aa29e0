"""Arguments of unusual types that are taken for what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from agreement import assert_same
from bad_arguments import MAP, POOLS, ROIS

import spp_ops
from spp_ops.nn import RoISpatialPyramidPool, SpatialPyramidPool2d
from spp_ops.projection import Projection


@pytest.mark.parametrize(
    ("levels", "plain"),
    [
        (7, (7,)),
        (np.int64(7), (7,)),
        ((np.int64(3), 1), (3, 1)),
        (np.array([6, 3]), (6, 3)),
        (np.array([[2, 3], [1, 4]], dtype=np.uint8), ((2, 3), (1, 4))),
        ([(np.int32(2), 3), np.array([1, 4])], ((2, 3), (1, 4))),
    ],
    ids=str,
)
def test_levels_of_numpy_and_a_plain_one(levels: Any, plain: Any) -> None:
    expected = spp_ops.roi_spatial_pyramid_pool(MAP, ROIS, plain)
    for pool in POOLS:
        assert_same(pool(MAP, ROIS, levels), expected)
    assert_same(RoISpatialPyramidPool(levels)(MAP, ROIS), expected)
    assert_same(SpatialPyramidPool2d(levels)(MAP), spp_ops.spatial_pyramid_pool(MAP, plain))
    assert len(spp_ops.split_levels(expected, levels, np.int64(3))) == len(plain)  # type: ignore[arg-type]


def test_numbers_of_numpy() -> None:
    scales = np.array([0.5, 0.25], dtype=np.float32)
    expected = spp_ops.roi_spatial_pyramid_pool([MAP, MAP], ROIS, 2, [0.5, 0.25], target_area=9.0)
    for pool in POOLS:
        assert_same(pool([MAP, MAP], ROIS, 2, scales, target_area=np.int64(9)), expected)
    assert Projection.rounded(scales) == Projection.rounded((0.5, 0.25))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dtypes", "computed"),
    [
        ([torch.float32, torch.float64], torch.float64),
        ([torch.float16, torch.bfloat16], torch.float32),
        ([torch.bfloat16, torch.float64], torch.float64),
    ],
)
def test_boxes_of_several_types_take_the_widest(dtypes: list[torch.dtype], computed: torch.dtype) -> None:
    corners = [torch.tensor([[0.3, 0.4, 4.6, 4.2]]).to(dtype) for dtype in dtypes]
    together = torch.cat([torch.cat([torch.full((1, 1), i), c], 1).to(computed) for i, c in enumerate(corners)])
    for pool in POOLS:
        assert_same(pool(MAP, corners, 3, 0.9), pool(MAP, together, 3, 0.9))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float16])
def test_no_boxes_are_of_any_type(dtype: torch.dtype) -> None:
    none = torch.empty(0, 4, dtype=dtype)
    for pool in POOLS:
        assert_same(pool(MAP, [none, ROIS[:1, 1:]]), pool(MAP, [ROIS[:0, 1:], ROIS[:1, 1:]]))
        assert pool(MAP, torch.empty(0, 5, dtype=dtype)).shape == (0, 150)
        assert pool(MAP, [none, none]).shape == (0, 150)


@pytest.mark.parametrize(("dtype", "countable"), [(torch.bfloat16, 256), (torch.float16, 2048)])
def test_images_that_a_type_cannot_count_are_not_taken_for_others(dtype: torch.dtype, countable: int) -> None:
    """In bfloat16 image 257 would be image 256 or 258."""
    images = torch.arange(countable + 2.0).view(-1, 1, 1, 1)
    rois = torch.tensor([[countable, 0, 0, 0, 0]], dtype=dtype)
    for pool in POOLS:
        assert pool(images[:-1], rois, 1).item() == countable
        with pytest.raises(ValueError, match=rf"^rois: expected a wider dtype.*counts images to {countable} only"):
            pool(images, rois, 1)
        assert_same(pool(images, [rois[:, 1:]] * len(images), 1), images.flatten(1))


@pytest.mark.parametrize("boxes_format", ["XYWH", "CXCYWH", "XYWHR", "CXCYWHR"])
def test_boxes_that_say_they_are_no_corners_are_refused(boxes_format: str) -> None:
    tv_tensors = pytest.importorskip("torchvision.tv_tensors")
    columns = len(boxes_format.replace("CXCY", "XY"))
    boxes = tv_tensors.BoundingBoxes(torch.ones(2, columns), format=boxes_format, canvas_size=(8, 9))
    for pool in (*POOLS, spp_ops.check_rois):
        with pytest.raises(ValueError, match=rf"^rois: expected corners.*BoundingBoxes in format {boxes_format};"):
            pool(MAP, boxes if columns == 5 else [boxes, boxes])


def test_boxes_that_say_they_are_corners_are_taken() -> None:
    tv_tensors = pytest.importorskip("torchvision.tv_tensors")
    corners = [ROIS[:1, 1:], ROIS[1:, 1:]]
    boxes = [tv_tensors.BoundingBoxes(each, format="XYXY", canvas_size=(8, 9)) for each in corners]
    for pool in POOLS:
        assert_same(pool(MAP, boxes), pool(MAP, corners))
