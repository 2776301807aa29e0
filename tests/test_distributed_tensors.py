"""Tensors that are spread over processes are refused in one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

import spp_ops


@pytest.fixture
def one_process() -> Iterator[None]:
    store = dist.HashStore()  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_a_distributed_tensor_is_refused_and_its_part_is_pooled() -> None:
    mesh = init_device_mesh("cpu", (1,))
    features, rois = torch.randn(1, 4, 6, 6), torch.tensor([[0, 0, 0, 8, 8.0]])
    spread = distribute_tensor(features, mesh, [Shard(1)])
    expected = spp_ops.roi_spatial_pyramid_pool(features, rois, (2, 1), 0.5)
    message = r"expected the tensor of one process, got a DTensor; pool what to_local\(\) gives"
    with pytest.raises(ValueError, match=rf"^features: {message}"):
        spp_ops.roi_spatial_pyramid_pool(spread, rois, (2, 1), 0.5)
    with pytest.raises(ValueError, match=rf"^features: {message}"):
        spp_ops.spatial_pyramid_pool(spread, (2, 1))
    with pytest.raises(ValueError, match=rf"^rois: {message}"):
        spp_ops.roi_spatial_pyramid_pool(features, distribute_tensor(rois, mesh, [Shard(0)]), (2, 1), 0.5)
    assert torch.equal(spp_ops.roi_spatial_pyramid_pool(spread.to_local(), rois, (2, 1), 0.5), expected)
