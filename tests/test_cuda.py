"""What only a GPU can show: streams, devices, graphs, sizes past 32 bits, and that nothing waits for the device."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from agreement import assert_same, whole_numbers
from test_forward import random_rois
from torch import Tensor

import spp_ops

pytestmark = pytest.mark.gpu
CYCLES = 100_000_000  # of a kernel that keeps a stream busy for some tens of milliseconds


def drawn(device: torch.device, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 37, 20, 30, generator=generator).to(device)
    return features, random_rois(64, 2, 30, 20, generator).to(device)


def derivatives(features: Tensor, rois: Tensor) -> list[Tensor]:
    """Pooled features, the gradient of a weighted sum, and the gradient of that gradient's squares by the weights."""
    leaf = features.detach().requires_grad_()
    pooled = spp_ops.roi_spatial_pyramid_pool(leaf, rois)
    weights = whole_numbers(torch.empty(pooled.shape)).to(pooled).requires_grad_()
    (first,) = torch.autograd.grad(pooled, leaf, weights, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), weights)
    return [pooled.detach(), first.detach(), second]


def captured(call: Callable[[], list[Tensor]]) -> tuple[torch.cuda.CUDAGraph, list[Tensor]]:
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call()
    return graph, result


def test_work_goes_to_the_current_stream(cuda: torch.device) -> None:
    """What the stream is told first has happened when pooling reads."""
    features, rois = drawn(cuda)
    expected = derivatives(features, rois)
    late = torch.zeros_like(features)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(CYCLES)
        late.copy_(features)
        got = derivatives(late, rois)
    stream.synchronize()
    assert_same(got, expected)


def test_nothing_waits_for_the_device(cuda: torch.device) -> None:
    features, rois = drawn(cuda)
    maps, index = [features, features[:, :, ::2]], torch.arange(len(rois), device=cuda) % 2
    torch.cuda.set_sync_debug_mode("error")
    try:
        leaf = features.detach().requires_grad_()
        pooled = spp_ops.roi_spatial_pyramid_pool(leaf, rois)
        (first,) = torch.autograd.grad(pooled, leaf, torch.ones_like(pooled).requires_grad_(), create_graph=True)
        assert first.requires_grad
        spp_ops.roi_spatial_pyramid_pool(maps, rois)
        spp_ops.roi_spatial_pyramid_pool(maps, rois, map_index=index)
        spp_ops.spatial_pyramid_pool(features)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_any_device_index(cuda: torch.device) -> None:
    """Tensors decide, not the current device, which stays as it is."""
    last = torch.device("cuda", torch.cuda.device_count() - 1)
    features, rois = drawn(last)
    got = derivatives(features, rois)
    assert all(each.device == last for each in got)
    assert torch.cuda.current_device() == 0
    assert_same(got, derivatives(features.to(cuda), rois.to(cuda)))


def test_graphs_replay_on_new_numbers(cuda: torch.device) -> None:
    features, rois = drawn(cuda)
    weights = whole_numbers(torch.empty(64, 37 * 50)).to(cuda)
    leaf = features.detach().requires_grad_()

    def call() -> list[Tensor]:
        pooled = spp_ops.roi_spatial_pyramid_pool(leaf, rois)
        return [pooled.detach(), *torch.autograd.grad(pooled, leaf, weights)]

    graph, result = captured(call)
    others, other_rois = drawn(cuda, seed=1)
    for mine, new in ((features, others), (rois, other_rois)):
        mine.copy_(new)
    graph.replay()
    replayed = [each.clone() for each in result]
    assert_same(replayed, call())


@pytest.mark.usefixtures("deterministic")
def test_deterministic_gradients_come_without_a_warning(cuda: torch.device) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(derivatives(*drawn(cuda)), derivatives(*drawn(cuda)))


def test_too_large_a_pyramid_is_an_error_that_names_the_kernel(cuda: torch.device) -> None:
    features, rois = drawn(cuda)
    with pytest.raises(RuntimeError, match=r"pool_windows: 600 cells, 37 channels, 4196352 bins: too many"):
        spp_ops.roi_spatial_pyramid_pool(features, rois[:1], [(2048, 2049)])
    assert_same(derivatives(features, rois), derivatives(features, rois))  # and the device goes on


def test_more_than_2_to_the_31_elements_on_a_gpu(cuda: torch.device) -> None:
    """Of the maps, of the output, and of both gradients: the last channels are as they are alone."""
    channels, rows, levels = 1 << 15, 7000, (3, 1)
    needed = 40e9  # bytes
    if torch.cuda.get_device_properties(cuda).total_memory < needed:
        pytest.skip("needs 40 GB of memory")
    features = torch.zeros(2, channels, 182, 182, dtype=torch.float16, device=cuda)
    few = torch.randn(1, 3, 182, 182, device=cuda).half()
    features[1:, -3:] = few
    rois = random_rois(rows, 1, 182, 182, torch.Generator().manual_seed(0)).to(cuda)
    alone = few.requires_grad_()
    expected = spp_ops.roi_spatial_pyramid_pool(alone, rois, levels)
    rois[:, 0] = 1
    pooled = spp_ops.roi_spatial_pyramid_pool(features.requires_grad_(), rois, levels)
    assert min(features.numel(), pooled.numel()) > 2**31
    parts = spp_ops.split_levels(pooled, levels, channels), spp_ops.split_levels(expected, levels, 3)
    for level, wanted in zip(*parts, strict=True):
        assert_same(level[:, -3:].contiguous(), wanted)
    one = torch.ones((), dtype=torch.float16, device=cuda)
    (gradient,) = torch.autograd.grad(pooled, features, one.expand_as(pooled))
    (wanted,) = torch.autograd.grad(expected, alone, one.expand_as(expected))
    assert_same(gradient[1:, -3:].contiguous(), wanted)
