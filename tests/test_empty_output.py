"""`spp_ops.empty_output`: memory that `out=` takes."""

from __future__ import annotations

import pytest
import torch

import spp_ops

LEVELS = ((2, 3), 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_out_takes_it(dtype: torch.dtype, rows: int) -> None:
    features = torch.randn(2, 5, 7, 6).to(dtype)
    rois = torch.tensor([[1.0, 0, 0, 5, 6]] * rows).view(rows, 5)
    out = spp_ops.empty_output(features, rois, LEVELS)
    assert (out.shape, out.dtype, out.requires_grad) == ((rows, 5 * 7), dtype, False)
    assert spp_ops.roi_spatial_pyramid_pool(features, rois, LEVELS, out=out) is out
    expected = spp_ops.reference.roi_spatial_pyramid_pool(features, rois, LEVELS)
    torch.testing.assert_close(out, expected, rtol=0, atol=0)


def test_several_maps_and_lists_of_boxes() -> None:
    maps = [torch.randn(2, 4, 9, 9, requires_grad=True), torch.randn(2, 4, 5, 5)]
    boxes = [torch.zeros(3, 4), torch.zeros(0, 4)]
    out = spp_ops.empty_output(maps, boxes)
    assert out.shape == (3, 4 * 50)
    assert not out.requires_grad


def test_traced() -> None:
    def pooled(features: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
        return spp_ops.empty_output(features, rois, LEVELS).zero_()

    given = (torch.zeros(1, 2, 4, 4), torch.zeros(3, 5))
    assert torch.compile(pooled, fullgraph=True, backend="eager")(*given).shape == (3, 14)


@pytest.mark.parametrize(
    ("features", "rois", "message"),
    [(torch.zeros(3, 4, 4), torch.zeros(1, 5), "features"), (torch.zeros(1, 3, 4, 4), torch.zeros(1, 3), "rois")],
)
def test_bad_arguments(features: torch.Tensor, rois: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        spp_ops.empty_output(features, rois)
