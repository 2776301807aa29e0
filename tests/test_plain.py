"""Plain calls go past what only others need, and give what the general path gives; all others stay on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from spp_ops import Projection, roi_spatial_pyramid_pool, spatial_pyramid_pool
from spp_ops._core import plain

MAP = torch.randn(2, 5, 9, 11, generator=torch.Generator().manual_seed(0))
ROIS = torch.tensor([[0.0, 0, 0, 100, 90], [1, 20, 30, 60, 140], [0, 70, 10, 175, 50]])
LEVELS = (4, 2, 1)


@pytest.fixture
def generally(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A call of a function for which nothing is plain."""

    def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(plain, "_is_watched", lambda features: True)
            return function(*arguments, **named)

    return call


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("levels", [LEVELS, [3], (6, 3, 2, 1)])
@pytest.mark.parametrize("projection", [1 / 16, Projection.cells(), Projection.rounded((1 / 16, 1 / 8))])
def test_plain_and_general_are_the_same(
    dtype: torch.dtype, levels: Sequence[int], projection: Any, generally: Callable[..., Any]
) -> None:
    features = MAP.to(dtype)
    expected = generally(roi_spatial_pyramid_pool, features, ROIS, levels, projection)
    assert plain.pool(features, ROIS, levels, projection, 1.0, None) is not None
    out = torch.full_like(expected, 7)
    assert roi_spatial_pyramid_pool(features, ROIS, levels, projection, out=out) is out
    torch.testing.assert_close(out, expected, rtol=0, atol=0)
    pooled = roi_spatial_pyramid_pool(features, ROIS, levels, projection)
    torch.testing.assert_close(pooled, expected, rtol=0, atol=0)


@pytest.mark.parametrize("channels_last", [False, True])
def test_whole_maps(channels_last: bool, generally: Callable[..., Any]) -> None:
    features = MAP.contiguous(memory_format=torch.channels_last) if channels_last else MAP
    assert plain.pool_whole(features, LEVELS) is not None
    expected = generally(spatial_pyramid_pool, features, LEVELS)
    torch.testing.assert_close(spatial_pyramid_pool(features, LEVELS), expected, rtol=0, atol=0)


def test_gradients_of_first_and_second_order(generally: Callable[..., Any]) -> None:
    def gradients() -> list[Tensor]:
        features = MAP.double().requires_grad_()
        pooled = roi_spatial_pyramid_pool(features, ROIS, LEVELS, 1 / 16)
        (first,) = torch.autograd.grad((pooled**3).sum(), features, create_graph=True)
        return [pooled, first, *torch.autograd.grad((first**2).sum(), features)]

    for one, other in zip(gradients(), generally(gradients), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_what_is_kept_by_value_is_told_apart_by_type() -> None:
    """1 == True == 1.0, and one that is kept must not speak for another."""
    roi_spatial_pyramid_pool(MAP, ROIS, (1,), 1.0)
    for levels in ((True,), (1.0,)):
        with pytest.raises(TypeError, match=r"^levels"):
            roi_spatial_pyramid_pool(MAP, ROIS, levels, 1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^projection"):
        roi_spatial_pyramid_pool(MAP, ROIS, (1,), True)


def test_what_is_kept_is_bounded() -> None:
    for size in range(1, 200):
        roi_spatial_pyramid_pool(MAP, ROIS, (size,), 1 / (10 + size))
        spatial_pyramid_pool(torch.zeros(1, 1, size, 3), 1)
    for kept in (plain._flat_levels, plain._rounded_numbers, plain._whole_maps):
        assert kept.cache_info().currsize <= plain._KEPT


def test_changing_a_list_of_levels_changes_the_next_call() -> None:
    levels = [3, 1]
    assert roi_spatial_pyramid_pool(MAP, ROIS, levels, 1 / 16).size(1) == 50
    levels[0] = 2
    assert roi_spatial_pyramid_pool(MAP, ROIS, levels, 1 / 16).size(1) == 25


def test_a_refused_call_writes_nothing_and_says_why() -> None:
    out = torch.full((3, 105), 7.0)
    bad = ROIS.clone()
    bad[1, 0] = 5
    version = out._version
    with pytest.raises(ValueError, match=r"^rois: row 1"):
        roi_spatial_pyramid_pool(MAP, bad, LEVELS, 1 / 16, out=out)
    assert bool((out == 7).all())
    roi_spatial_pyramid_pool(MAP, ROIS, LEVELS, 1 / 16, out=out)
    assert out._version > version


def test_a_saved_output_that_is_written_anew_is_noticed() -> None:
    out = torch.ones(3, 105)
    factor = torch.ones(3, 105, requires_grad=True)
    product = out * factor
    with torch.no_grad():
        roi_spatial_pyramid_pool(MAP, ROIS, LEVELS, 1 / 16, out=out)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()


class _Named(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def test_those_who_watch_still_see() -> None:
    with _Named() as mode:
        roi_spatial_pyramid_pool(MAP, ROIS, LEVELS, 1 / 16)
        spatial_pyramid_pool(MAP, LEVELS)
    assert {"roi_spatial_pyramid_pool", "spatial_pyramid_pool"} <= set(mode.names)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert roi_spatial_pyramid_pool(MAP, ROIS, LEVELS, 1 / 16).dtype == torch.bfloat16
    traced = torch.jit.trace(lambda x: roi_spatial_pyramid_pool(x, ROIS, LEVELS, 1 / 16), (MAP,), check_trace=False)
    assert traced(MAP.clone().requires_grad_()).requires_grad


def test_forward_mode_derivatives_are_not_plain() -> None:
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(MAP, torch.ones_like(MAP))
        tangent = torch.autograd.forward_ad.unpack_dual(roi_spatial_pyramid_pool(dual, ROIS, LEVELS, 1 / 16)).tangent
    assert tangent is not None
    assert bool((tangent == 1).all())


def test_whole_maps_first_seen_in_inference_mode() -> None:
    """What is kept from there is used where gradients are recorded."""
    with torch.inference_mode():
        spatial_pyramid_pool(torch.zeros(3, 2, 17, 23), LEVELS)
    features = torch.randn(3, 2, 17, 23, requires_grad=True)
    spatial_pyramid_pool(features, LEVELS).sum().backward()
    assert features.grad is not None
    assert float(features.grad.sum()) == 3 * 2 * 21


def test_threads() -> None:
    expected = roi_spatial_pyramid_pool(MAP, ROIS, LEVELS, 1 / 16)
    wrong: list[int] = []

    def work(seed: int) -> None:
        for i in range(200):
            size = 1 + (seed * 31 + i) % 90
            if roi_spatial_pyramid_pool(MAP, ROIS, (size, 1), 1 / 16).size(1) != 5 * (size * size + 1):
                wrong.append(size)
            if not torch.equal(roi_spatial_pyramid_pool(MAP, ROIS, LEVELS, 1 / 16), expected):
                wrong.append(0)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
