"""The public functions give, to the bit, what the reference defines."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from agreement import assert_same
from hypothesis import given
from hypothesis import strategies as st
from on_device import on_device
from strategies import DTYPES, LAYOUTS, Case, cases, levels

import spp_ops
from spp_ops import Projection, reference
from spp_ops._core import fallback
from spp_ops._core.extension import force_cpu_reading


@given(case=cases())
def test_regions(case: Case, device: torch.device) -> None:
    pooled = case.call(spp_ops.roi_spatial_pyramid_pool, [on_device(each, device) for each in case.maps], device)
    assert pooled.dtype == case.maps[0].dtype
    assert_same(pooled, case.call(reference.roi_spatial_pyramid_pool))


@given(case=cases(most_maps=1))
def test_regions_at_every_cpu_level(case: Case, cpu_level: str) -> None:
    assert spp_ops.build_info()["cpu_level"] == cpu_level
    assert_same(case.call(spp_ops.roi_spatial_pyramid_pool), case.call(reference.roi_spatial_pyramid_pool))


@pytest.mark.parametrize("reading", ["cells", "tables"])
@given(case=cases())
def test_regions_read_in_either_way(case: Case, reading: str) -> None:
    with force_cpu_reading(reading):
        assert_same(case.call(spp_ops.roi_spatial_pyramid_pool), case.call(reference.roi_spatial_pyramid_pool))


@pytest.mark.parametrize(("asked", "warned"), [("baseline", False), ("no such level", True)])
def test_the_environment_forces_a_cpu_level(asked: str, warned: bool) -> None:
    program = "import spp_ops; print(spp_ops.build_info()['cpu_level'])"
    environment = os.environ | {"SPP_OPS_CPU_LEVEL": asked}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert (ran.stdout.strip() == asked) is not warned
    assert ("SPP_OPS_CPU_LEVEL" in ran.stderr) is warned


@given(case=cases(most_maps=1), pyramid=levels())
def test_whole_maps(case: Case, pyramid: tuple[int | tuple[int, int], ...], device: torch.device) -> None:
    pooled = spp_ops.spatial_pyramid_pool(on_device(case.maps[0], device), pyramid)
    assert_same(pooled, reference.spatial_pyramid_pool(case.maps[0], pyramid))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_many_windows(dtype: torch.dtype, layout: str, device: torch.device, threads: int) -> None:
    """Enough windows to be shared among threads, of every size, on a map of a common size."""
    generator = torch.Generator().manual_seed(0)
    features = LAYOUTS[layout](lambda *shape: torch.randn(shape, generator=generator).to(dtype), 2, 40, 38, 50)
    rois = random_rois(300, 2, 50 * 16, 38 * 16, generator)
    pooled = spp_ops.roi_spatial_pyramid_pool(on_device(features, device), rois.to(device), projection=1 / 16)
    pairs = [(n, n) for n in (6, 3, 2, 1)]
    expected = fallback.roi_spatial_pyramid_pool([features], rois, pairs, [Projection.rounded(1 / 16)])
    assert_same(pooled, expected)


def test_cpu_levels_and_threads_agree(cpu_level: str, threads: int) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 70, 38, 50, generator=generator).relu()
    rois = random_rois(200, 2, 50 * 16, 38 * 16, generator)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, projection=1 / 16)
    with spp_ops._core.extension.force_cpu_level("baseline"):
        assert_same(pooled, spp_ops.roi_spatial_pyramid_pool(features, rois, projection=1 / 16))


@given(height=st.integers(1, 300), width=st.integers(1, 300), channels=st.sampled_from([1, 3, 16]))
def test_long_windows(height: int, width: int, channels: int) -> None:
    """Windows much longer than the map's other windows, and maps much longer one way."""
    features = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(0))
    rois = torch.tensor([[0.0, 0, 0, width, height], [0, width // 2, 0, width, 1], [0, 0, height // 2, 1, height]])
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (7, 6, 3), Projection.cells())
    assert_same(pooled, reference.roi_spatial_pyramid_pool(features, rois, (7, 6, 3), Projection.cells()))


@pytest.mark.parametrize("images", [0, 2])
@pytest.mark.parametrize("form", ["tensor", "list"])
def test_no_windows(images: int, form: str, device: torch.device) -> None:
    features = torch.randn(images, 3, 5, 5, device=device, requires_grad=True)
    none = torch.empty(0, 4, device=device)
    rois = torch.empty(0, 5, device=device) if form == "tensor" else [none] * images
    if not images and form == "list":
        pytest.skip("no image, no list of boxes")
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (2, 1))
    assert pooled.shape == (0, 3 * 5)
    assert_same(torch.autograd.grad(pooled.sum(), features)[0], torch.zeros_like(features))


def test_no_images_and_no_channels(device: torch.device) -> None:
    assert spp_ops.spatial_pyramid_pool(torch.empty(0, 3, 5, 5, device=device), (2, 1)).shape == (0, 15)
    assert spp_ops.spatial_pyramid_pool(torch.empty(2, 0, 5, 5, device=device), (2, 1)).shape == (2, 0)


def test_boxes_in_a_list_are_boxes_of_each_image(device: torch.device) -> None:
    features = torch.randn(3, 4, 9, 11, device=device)
    boxes = [torch.tensor([[0.0, 1, 5, 6]]), torch.empty(0, 4), torch.tensor([[2.0, 2, 8, 8], [0, 0, 3, 3]])]
    rows = torch.tensor([[0.0, 0, 1, 5, 6], [2, 2, 2, 8, 8], [2, 0, 0, 3, 3]], device=device)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, [each.to(device) for each in boxes])
    assert_same(pooled, spp_ops.roi_spatial_pyramid_pool(features, rows))


def test_a_list_of_16_bit_boxes_keeps_every_image_apart(device: torch.device) -> None:
    """bfloat16 holds no 257, the index of an image nonetheless."""
    features = torch.arange(300.0, device=device).reshape(300, 1, 1, 1)
    boxes = [torch.zeros(1, 4, dtype=torch.bfloat16, device=device)] * 300
    assert_same(spp_ops.roi_spatial_pyramid_pool(features, boxes, (1,)), features.reshape(300, 1))


def test_levels_stand_in_the_order_given(device: torch.device) -> None:
    features = torch.randn(2, 3, 13, 13, device=device)
    rois = torch.tensor([[0.0, 1, 2, 12, 9], [1, 0, 0, 5, 5]], device=device)
    pyramid = ((2, 3), 1, (3, 2), 6)
    levels = spp_ops.split_levels(spp_ops.roi_spatial_pyramid_pool(features, rois, pyramid), pyramid, 3)
    assert [tuple(level.shape) for level in levels] == [(2, 3, 2, 3), (2, 3, 1, 1), (2, 3, 3, 2), (2, 3, 6, 6)]
    for level, number in zip(levels, pyramid, strict=True):
        assert_same(level.flatten(1), spp_ops.roi_spatial_pyramid_pool(features, rois, [number]))


def test_levels_are_views() -> None:
    pooled = torch.arange(30.0).reshape(2, 15)
    levels = spp_ops.split_levels(pooled, (2, 1), 3)
    levels[1].zero_()
    assert_same(pooled[:, 12:], torch.zeros(2, 3))


@given(case=cases())
def test_output_can_be_preallocated(case: Case, device: torch.device) -> None:
    expected = case.call(reference.roi_spatial_pyramid_pool)
    maps = [on_device(each, device) for each in case.maps]
    rows, columns = expected.shape
    wide = torch.full((rows, columns + 3), 7.0, dtype=expected.dtype, device=device)
    even = torch.full((rows, columns + columns % 2 + 2), 7.0, dtype=expected.dtype, device=device)
    # Dense; rows an odd number apart, perhaps; an odd number of elements beyond what stores of pairs need.
    for out in (torch.full_like(expected, 7.0, device=device), wide[:, :columns], even[:, 1 : columns + 1]):
        returned = case.call(
            lambda *args, out=out, **keywords: spp_ops.roi_spatial_pyramid_pool(*args, out=out, **keywords),
            maps,
            device,
        )
        assert returned is out
        assert_same(out, expected)
    assert (wide[:, columns:] == 7).all()
    assert (even[:, 0] == 7).all()
    assert (even[:, columns + 1 :] == 7).all()


def test_more_than_2_to_the_31_elements() -> None:
    """An expanded map costs no memory; offsets into it still exceed 32 bits."""
    images, channels = 70_000, 64
    plane = torch.randn(1, 1, 32, 32)
    features = plane.expand(images, channels, 32, 32)
    assert features.numel() > 2**32
    rois = torch.tensor([[images - 1, 3, 4, 20, 30]], dtype=torch.float32)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (3, 1))
    one = spp_ops.roi_spatial_pyramid_pool(plane, rois * torch.tensor([0, 1, 1, 1, 1]), (3, 1))
    for level, expected in zip(
        spp_ops.split_levels(pooled, (3, 1), channels), spp_ops.split_levels(one, (3, 1), 1), strict=True
    ):
        assert_same(level, expected.expand_as(level))


def test_more_than_65535_cells(device: torch.device) -> None:
    """Indices of maps that large do not fit into 16 bits."""
    features = torch.randn(1, 2, 260, 260, generator=torch.Generator().manual_seed(0)).requires_grad_()
    rois = torch.tensor([[0.0, 0, 0, 259, 259], [0, 130, 200, 259, 259]])
    expected = reference.roi_spatial_pyramid_pool(features, rois)
    pooled = spp_ops.roi_spatial_pyramid_pool(moved := features.detach().to(device).requires_grad_(), rois.to(device))
    assert_same(pooled, expected)
    assert_same(torch.autograd.grad(pooled.sum(), moved), torch.autograd.grad(expected.sum(), features))


def random_rois(count: int, images: int, width: int, height: int, generator: torch.Generator) -> torch.Tensor:
    """[count, 5]: boxes between two random corners, whole pixels."""
    corners = torch.rand(2, count, 2, generator=generator) * torch.tensor([width, height])
    image = torch.randint(images, (count, 1), generator=generator)
    return torch.cat([image, corners.amin(0).floor(), corners.amax(0).floor()], dim=1)
