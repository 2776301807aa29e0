"""Bad rows of boxes: a ValueError that names the row; on a GPU a result that shows it."""

from __future__ import annotations

import pytest
import torch
from agreement import assert_same
from bad_arguments import INF, MAP, NAN, POOLS, ROIS

import spp_ops

BAD_ROWS = [
    [-1.0, 0, 0, 4, 4],
    [2.0, 0, 0, 4, 4],
    [1e30, 0, 0, 4, 4],
    [0.5, 0, 0, 4, 4],
    [NAN, 0, 0, 4, 4],
    [INF, 0, 0, 4, 4],
    *([0.0, *[bad if i == corner else 4.0 for i in range(4)]] for corner in range(4) for bad in (NAN, INF, -INF)),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("row", BAD_ROWS, ids=str)
def test_bad_rows_are_named(row: list[float], dtype: torch.dtype) -> None:
    good = [1.0, 0, 0, 4, 4]
    rois = torch.tensor([good, good, row, good, [NAN] * 5], dtype=torch.float64).to(dtype)
    for pool in (*POOLS, spp_ops.check_rois):
        with pytest.raises(ValueError, match=r"^rois: row 2 is \(.*expected"):
            pool(MAP, rois)
    with pytest.raises(ValueError, match=r"^rois: row 2 is"):
        spp_ops.roi_spatial_pyramid_pool(MAP.clone().requires_grad_(), rois)
    with pytest.raises(ValueError, match=r"^rois: row 2 is"):
        spp_ops.roi_spatial_pyramid_pool(MAP, rois, out=torch.empty(5, 150))


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("image", [2, -1, 0.5, NAN])
def test_bad_rows_under_vmap_are_named(image: float, grad: bool) -> None:
    """Calls are numbered through: row 1 of the second call is row 3 of all."""
    maps = torch.stack([MAP, MAP]).requires_grad_(grad)
    rois = torch.stack([ROIS, ROIS])
    rois[1, 1, 0] = image
    pool = torch.vmap(lambda features, boxes: spp_ops.roi_spatial_pyramid_pool(features, boxes, 1))
    with pytest.raises((ValueError, RuntimeError), match=rf"^rois: row 3 is \({image:g}, 2, 2, 7, 7\), expected"):
        pool(maps, rois)
    nested = torch.vmap(pool)
    with pytest.raises((ValueError, RuntimeError), match=rf"^rois: row 3 is \({image:g}, 2, 2, 7, 7\), expected"):
        nested(maps[None], rois[None])
    check = torch.vmap(lambda features, boxes: (boxes, spp_ops.check_rois(features, boxes))[0])
    check(maps, rois[:1].expand(2, -1, -1))
    with pytest.raises((ValueError, RuntimeError), match=rf"^rois: row 3 is \({image:g}, 2, 2, 7, 7\), expected"):
        check(maps, rois)


@pytest.mark.parametrize("chosen", [-1, 2, 2**40, -(2**40)])
def test_a_map_that_is_not_there_is_named(chosen: int) -> None:
    map_index = torch.tensor([0, chosen])
    for pool in POOLS:
        with pytest.raises(ValueError, match=rf"^map_index: row 1 is {chosen}, expected"):
            pool([MAP, MAP], ROIS, map_index=map_index)
    with pytest.raises(ValueError, match=rf"^map_index: row 1 is {chosen}, expected"):
        spp_ops.check_rois([MAP, MAP], ROIS, map_index=map_index)


def test_no_image_can_be_named_where_there_is_none() -> None:
    for pool in (*POOLS, spp_ops.check_rois):
        with pytest.raises(ValueError, match=r"^rois: row 0 is"):
            pool(MAP[:0], ROIS)


def test_good_rows_pass() -> None:
    spp_ops.check_rois(MAP, ROIS)
    spp_ops.check_rois([MAP, MAP], [ROIS[:, 1:]] * 2, map_index=torch.tensor([0, 1, 1, 0]))


def test_errors_leave_the_operator_usable() -> None:
    expected = spp_ops.roi_spatial_pyramid_pool(MAP, ROIS)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^rois"):
            spp_ops.roi_spatial_pyramid_pool(MAP, ROIS * NAN)
        assert_same(spp_ops.roi_spatial_pyramid_pool(MAP, ROIS), expected)


@pytest.mark.gpu
def test_bad_rows_on_a_gpu_become_nan_without_gradient(cuda: torch.device) -> None:
    """No synchronization is forced; `check_rois` raises on demand."""
    features = MAP.to(cuda).requires_grad_()
    good = [1.0, 0, 0, 4, 4]
    rois = torch.tensor([good, *BAD_ROWS, good], device=cuda)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois)
    expected = spp_ops.roi_spatial_pyramid_pool(features, rois[:1])
    assert_same(pooled[[0, -1]], expected.expand(2, -1))
    assert pooled[1:-1].isnan().all()
    (gradient,) = torch.autograd.grad(pooled.sum(), features)
    assert_same(gradient, torch.autograd.grad(2 * expected.sum(), features)[0])
    with pytest.raises(ValueError, match=r"^rois: row 1 is"):
        spp_ops.check_rois(features, rois)
