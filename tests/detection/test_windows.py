"""Which windows are pooled from the same cells, against the pooled rows themselves."""

import pytest
import torch

import spp_ops
from spp_ops.detection.features.unique import unique_windows

PROJECTIONS = {
    "receptive_field": lambda scale: spp_ops.Projection.receptive_field(
        spp_ops.receptive_field(torch.nn.Conv2d(1, 1, 3, stride=8, padding=1)), scale
    ),
    "floor_ceil": lambda scale: spp_ops.Projection.floor_ceil(8, scale),
    "rounded": lambda scale: spp_ops.Projection.rounded(scale / 8),
}


@pytest.mark.parametrize("rule", list(PROJECTIONS))
def test_rows_are_equal_where_windows_are(rule: str) -> None:
    generator = torch.Generator().manual_seed(0)
    projections = [PROJECTIONS[rule](scale) for scale in (1.0, 2.0)]
    maps = [torch.randn(1, 3, 12, 16, generator=generator), torch.randn(1, 3, 24, 32, generator=generator)]
    corners = torch.rand(2, 500, 2, generator=generator) * torch.tensor([140.0, 100.0])  # some lie partly outside
    windows = torch.cat([corners.amin(0), corners.amax(0)], dim=1).round()
    unique = unique_windows(windows, [(12, 16), (24, 32)], projections, 2000.0)
    rows = spp_ops.roi_spatial_pyramid_pool(
        maps, torch.nn.functional.pad(windows, (1, 0)), (3, 2, 1), projections, target_area=2000.0
    )
    assert torch.equal(rows[unique.keep][unique.inverse], rows)
    assert len(rows[unique.keep].unique(dim=0)) <= len(unique.keep) < 500
    # Random maps: hardly two different windows have all maxima in common.
    assert len(rows.unique(dim=0)) > 0.97 * len(unique.keep)
    assert torch.equal(unique.inverse[unique.keep], torch.arange(len(unique.keep)))
    assert (unique.keep.diff() > 0).all()


def test_equal_cells_of_different_maps_are_different_windows() -> None:
    rule = spp_ops.Projection.cells()
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4]])
    assert len(unique_windows(boxes, [(9, 9), (9, 9)], [rule, rule], 16.0).keep) == 1
    small, large = spp_ops.Projection.floor_ceil(8, 1.0), spp_ops.Projection.floor_ceil(16, 2.0)  # the same cells
    windows = torch.tensor([[0.0, 0, 15, 15], [1, 1, 9, 9], [0, 0, 14, 14]])
    unique = unique_windows(windows, [(9, 9), (9, 9)], [small, large], 300.0)
    assert unique.inverse.tolist() == [0, 1, 0]


def test_no_windows_and_bad_ones() -> None:
    rule = [spp_ops.Projection.cells()]
    assert unique_windows(torch.zeros(0, 4), [(3, 3)], rule, 1.0).distinct == 1.0
    nan = float("nan")
    unique = unique_windows(torch.tensor([[0, 0, 1, 1.0], [nan, 0, 1, 1], [0, 0, 1, nan]]), [(3, 3)], rule, 1.0)
    assert unique.inverse.tolist() == [0, 1, 1]
