"""`torch.export` keeps the operator, with open sizes, through a file and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from agreement import assert_same
from strategies import DTYPES
from test_forward import random_rois
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export, load, save

import spp_ops
from spp_ops import Projection
from spp_ops.nn import RoISpatialPyramidPool, SpatialPyramidPool2d

OPERATOR = torch.ops.spp_ops.roi_spatial_pyramid_pool.default
OPEN_MAP = {0: Dim("n"), 2: Dim("h"), 3: Dim("w")}
OPEN_ROIS = {0: Dim("r")}


def boxes(count: int, images: int, height: int, width: int) -> Tensor:
    return random_rois(count, images, 4 * width, 4 * height, torch.Generator().manual_seed(count))


def through_a_file(program: ExportedProgram, directory: Path) -> nn.Module:
    save(program, directory / "program.pt2")
    again = load(directory / "program.pt2")
    assert sum(node.target is OPERATOR for node in again.graph.nodes) == 1
    return again.module()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_regions(dtype: torch.dtype, strict: bool, tmp_path: Path) -> None:
    pool = RoISpatialPyramidPool((3, (1, 2)), Projection.floor_ceil(4))
    inputs = (torch.randn(2, 3, 11, 9).to(dtype), boxes(7, 2, 11, 9))
    program = export(pool, inputs, dynamic_shapes=(OPEN_MAP, OPEN_ROIS), strict=strict)
    again = through_a_file(program, tmp_path)
    for images, height, width, rows in [(2, 11, 9, 7), (1, 30, 5, 40), (3, 1, 1, 1), (2, 8, 8, 0)]:
        features, rois = torch.randn(images, 3, height, width).to(dtype), boxes(rows, images, height, width)
        assert_same(again(features, rois), pool(features, rois))


@pytest.mark.parametrize("strict", [False, True])
def test_whole_maps(strict: bool, tmp_path: Path) -> None:
    pool = SpatialPyramidPool2d((4, 2, 1))
    again = through_a_file(
        export(pool, (torch.randn(2, 3, 11, 9),), dynamic_shapes=(OPEN_MAP,), strict=strict), tmp_path
    )
    for shape in [(2, 3, 11, 9), (1, 3, 40, 2), (5, 3, 1, 1)]:
        features = torch.randn(shape)
        assert_same(again(features), pool(features))


class Maps(nn.Module):
    """Several maps and boxes an image, as lists."""

    def forward(self, maps: list[Tensor], rois: list[Tensor], map_index: Tensor | None = None) -> Tensor:
        return spp_ops.roi_spatial_pyramid_pool(maps, rois, (2, 1), [0.25, 0.5], map_index=map_index, target_area=99.0)


@pytest.mark.parametrize("chosen", [False, True])
def test_several_maps_and_lists_of_boxes(chosen: bool, tmp_path: Path) -> None:
    def inputs(height: int, width: int, rows: int) -> tuple[Any, ...]:
        maps = [torch.randn(2, 3, height, width), torch.randn(2, 3, 2 * height, 2 * width)]
        rois = [boxes(rows, 1, height, width)[:, 1:], boxes(rows + 1, 1, height, width)[:, 1:]]
        return (maps, rois, torch.arange(2 * rows + 1) % 2) if chosen else (maps, rois)

    automatic = Dim.AUTO
    side = {2: automatic, 3: automatic}
    dynamic = ([side, side], [{0: automatic}, {0: automatic}], {0: automatic})[: 3 if chosen else 2]
    again = through_a_file(export(Maps(), inputs(6, 7, 5), dynamic_shapes=dynamic), tmp_path)
    for sizes in [(6, 7, 5), (9, 4, 11)]:
        example = inputs(*sizes)
        assert_same(again(*example), Maps()(*example))


def test_an_exported_network_can_be_trained(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), SpatialPyramidPool2d((2, 1)), nn.Linear(20, 2))
    program = export(
        net, (torch.randn(2, 1, 9, 9),), dynamic_shapes=({0: Dim("n"), 2: Dim("h", min=4), 3: Dim("w", min=4)},)
    )
    again = through_a_file(program, tmp_path)
    images = torch.randn(3, 1, 12, 8)
    gradients = [torch.autograd.grad(each(images).square().sum(), list(each.parameters())) for each in (net, again)]
    torch.testing.assert_close(*gradients)


def test_below_autograd_no_kernel_is_in_python() -> None:
    """What AOTInductor compiles needs no interpreter (tests/test_aot_inductor.py runs it in threads)."""
    pool = RoISpatialPyramidPool((2, 1), 0.25)
    program = export(pool, (torch.randn(1, 3, 8, 8), boxes(3, 1, 8, 8))).run_decompositions()
    targets = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert targets == [torch.ops.spp_ops.roi_spatial_pyramid_pool_inference.default]
    name = "spp_ops::roi_spatial_pyramid_pool"
    for key in ("Autograd", "AutogradCPU", "ADInplaceOrView"):
        assert not torch._C._dispatch_has_kernel_for_dispatch_key(f"{name}_inference", key)
    assert torch._C._dispatch_has_kernel_for_dispatch_key(name, "Autograd")


def test_bad_shapes_are_refused_while_exporting() -> None:
    with pytest.raises(Exception, match=r"rois: expected \[R, 5\]"):
        export(RoISpatialPyramidPool((2, 1)), (torch.randn(1, 3, 8, 8), torch.zeros(3, 4)))
