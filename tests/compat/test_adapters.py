"""detectron2's and mmdet's interfaces, held against their documented rules written out box by box."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torchvision
from agreement import assert_same
from torch import Tensor

from spp_ops.compat.detectron2 import ROIPooler
from spp_ops.compat.mmdet import SingleRoIExtractor

STRIDES = (4, 8, 16, 32)
SIZES = (5, 30, 56, 111, 112, 113, 223, 224, 225, 300, 448, 500, 2000)  # square boxes on both sides of each border


class Boxes:
    """detectron2's structure, as far as a pooler looks at it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def area(self) -> Tensor:
        return (self.tensor[:, 2] - self.tensor[:, 0]) * (self.tensor[:, 3] - self.tensor[:, 1])

    def __len__(self) -> int:
        return len(self.tensor)


def maps(count: int = len(STRIDES)) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, 512 // stride, 640 // stride, generator=generator) for stride in STRIDES[:count]]


def squares() -> Tensor:
    return torch.tensor([[10.0, 20, 10 + size, 20 + size] for size in SIZES])


def pooled_one_by_one(features: list[Tensor], images: list[Tensor], level_of: Any, size: Any) -> Tensor:
    """Each box by torchvision's roi_pool on the map that the rule names."""
    rows = []
    for image, each in enumerate(images):
        for box in each:
            level = level_of(math.sqrt(float((box[2] - box[0]) * (box[3] - box[1]))), len(features))
            roi = torch.cat([torch.tensor([float(image)]), box])[None]
            rows.append(torchvision.ops.roi_pool(features[level], roi, size, 1 / STRIDES[level]))
    return torch.cat(rows)


def detectron2_level(size: float, maps: int) -> int:
    """The map of stride 2**k with k = floor(4 + log2(size / 224)), or the nearest there is; the first is k = 2."""
    return min(max(math.floor(4 + math.log2(size / 224)) - 2, 0), maps - 1)


def mmdet_level(size: float, maps: int) -> int:
    """0 below 2 * 56 pixels, 1 below 4 * 56, 2 below 8 * 56, 3 from there."""
    return min(sum(size >= 56 * factor for factor in (2, 4, 8)), maps - 1)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("size", [6, (3, 5)])  # of no extent here torchvision's float32 edges are off
def test_roi_pooler(count: int, size: Any) -> None:
    features, images = maps(count), [squares(), squares()[:4] + 3]
    pooler = ROIPooler(size, [1 / stride for stride in STRIDES[:count]], sampling_ratio=0, pooler_type="ROIPool")
    expected = pooled_one_by_one(features, images, detectron2_level, size)
    assert_same(pooler(features, [Boxes(each) for each in images]), expected)
    assert_same(pooler(features, images), expected)


def test_roi_pooler_without_images_or_boxes() -> None:
    pooler = ROIPooler(7, [1 / 4, 1 / 8])
    assert pooler([each[:0] for each in maps(2)], []).shape == (0, 3, 7, 7)
    assert pooler(maps(2), [Boxes(torch.zeros(0, 4))] * 2).shape == (0, 3, 7, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooler_type": "ROIAlignV2"}, "pooler_type: expected 'ROIPool', got 'ROIAlignV2'"),
        ({"scales": [0.25, 0.1]}, r"scales: expected powers of 2, .*got \[0.25, 0.1\]"),
        ({"scales": [0.3]}, "scales: expected powers of 2"),
        ({"scales": []}, "scales: expected powers of 2"),
        ({"scales": [2.0, 1.0]}, "scales: expected powers of 2"),
        ({"scales": [0.0]}, "scales: expected powers of 2"),
        ({"canonical_box_size": 0}, "canonical_box_size: expected a positive number, got 0"),
        ({"output_size": (7, 7, 7)}, "output_size: expected one number or"),
    ],
)
def test_roi_pooler_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ROIPooler(**{"output_size": 7, "scales": [0.25], **arguments})


def test_roi_pooler_refuses_other_numbers_of_maps_and_images() -> None:
    pooler = ROIPooler(7, [1 / 4, 1 / 8])
    with pytest.raises(ValueError, match="x: expected 2 maps, one a scale, got 1"):
        pooler(maps(1), [squares()] * 2)
    with pytest.raises(ValueError, match="box_lists: expected boxes of 2 images, got 1"):
        pooler(maps(2), [squares()])


def extractor(count: int = 4, size: Any = 7) -> SingleRoIExtractor:
    return SingleRoIExtractor(
        roi_layer={"type": "RoIPool", "output_size": size}, out_channels=3, featmap_strides=list(STRIDES[:count])
    )


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("size", [6, (3, 5)])  # of no extent here torchvision's float32 edges are off
def test_single_roi_extractor(count: int, size: Any) -> None:
    images = [squares(), squares()[:4] + 3]
    rois = torch.cat([torch.nn.functional.pad(each, (1, 0), value=image) for image, each in enumerate(images)])
    extract = extractor(count, size)
    expected = pooled_one_by_one(maps(count), images, mmdet_level, size)
    assert_same(extract(tuple(maps(count)), rois), expected)
    assert extract.num_inputs == count == len(extract.roi_layers)
    assert extract.out_channels == 3
    wanted = [mmdet_level(box, count) for box in (*SIZES, *SIZES[:4])]
    assert extract.map_roi_levels(rois, count).tolist() == wanted


def test_boxes_grow_about_their_centers_after_their_maps_are_chosen() -> None:
    rois = torch.tensor([[0.0, 40, 60, 140, 110], [1, 200, 100, 311, 211]])
    grown = torch.tensor([[0.0, 15, 47.5, 165, 122.5], [1, 172.25, 72.25, 338.75, 238.75]])
    extract = extractor()
    torch.testing.assert_close(extract.roi_rescale(rois, 1.5), grown)
    first, second = mmdet_level(math.sqrt(100 * 50), 4), mmdet_level(111, 4)
    expected = torch.cat(
        [
            torchvision.ops.roi_pool(maps()[level], roi[None], 7, 1 / STRIDES[level])
            for level, roi in zip((first, second), grown, strict=True)
        ]
    )
    assert_same(extract(maps(), rois, roi_scale_factor=1.5), expected)


def test_extractor_refuses() -> None:
    with pytest.raises(ValueError, match="roi_layer: expected type 'RoIPool', got 'RoIAlign'"):
        SingleRoIExtractor({"type": "RoIAlign", "output_size": 7}, 3, [4])
    with pytest.raises(ValueError, match="feats: expected 1 to 1 maps, got 2"):
        extractor(1)(maps(2), torch.zeros(1, 5))


def test_gradients_reach_each_map_that_is_used() -> None:
    features = [each.requires_grad_() for each in maps()]
    ROIPooler(7, [1 / stride for stride in STRIDES])(features, [squares(), squares()]).sum().backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in features)


def test_maps_of_other_types_take_the_first_ones() -> None:
    features = [each.to(dtype) for each, dtype in zip(maps(2), (torch.bfloat16, torch.float32), strict=True)]
    pooled = ROIPooler(7, [1 / 4, 1 / 8])(features, [squares()] * 2)
    assert pooled.dtype == torch.bfloat16
