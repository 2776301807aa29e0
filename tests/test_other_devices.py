"""A device without kernels gets the vectorized form: same results and derivatives, and one warning."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from agreement import assert_same, gradients, whole_numbers
from hypothesis import given, settings
from strategies import Case, cases
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

import spp_ops
from spp_ops import Projection, reference
from spp_ops._core import fallback

DEVICE = torch.device("lazy")  # known to torch by name, served by none of its builds


class Elsewhere(Tensor):
    """A tensor that is on `DEVICE`, by its own account; `inner` holds its values."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Elsewhere:
        strides, offset = inner.stride(), inner.storage_offset()
        made: Elsewhere = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.shape, strides=strides, storage_offset=offset, dtype=inner.dtype, device=DEVICE
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{operator} outside of PretendDevice")


class PretendDevice(TorchDispatchMode):
    """Runs PyTorch's operators on `DEVICE`, by way of the CPU, and none of this package's."""

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        values = (args, kwargs or {})
        device = values[1].get("device")  # asked for; else that of the arguments
        there = device == DEVICE if device else any(isinstance(each, Elsewhere) for each in tree_leaves(values))
        assert not (there and operator.namespace == "spp_ops"), f"{operator} is not for this device"

        def inner(value: Any) -> Any:
            return value.inner if isinstance(value, Elsewhere) else torch.device("cpu") if value == DEVICE else value

        args, kwargs = tree_map(inner, values)
        result = operator(*args, **kwargs)
        return tree_map_only(Tensor, Elsewhere, result) if there else result


@pytest.fixture
def elsewhere() -> Iterator[None]:
    fallback._warn.cache_clear()
    with PretendDevice(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def moved(case: Case, maps: list[Tensor]) -> Case:
    """The same call on `DEVICE`."""
    index = None if case.map_index is None else Elsewhere(case.map_index)
    return Case(maps, Elsewhere(case.rois), case.levels, case.projections, index, case.target_area)


@settings(max_examples=30)
@given(case=cases())
def test_results_and_gradients(case: Case, elsewhere: None) -> None:
    exact = case.leaves(torch.float64)
    expected = case.call(reference.roi_spatial_pyramid_pool, exact)
    maps = [Elsewhere(each.double()).requires_grad_() for each in case.maps]
    pooled = moved(case, maps).call(spp_ops.roi_spatial_pyramid_pool)
    assert pooled.device == DEVICE
    assert_same(pooled.detach().inner, expected.detach())
    weights = whole_numbers(expected)
    actual = gradients(pooled, maps, Elsewhere(weights))
    assert_same([each.inner for each in actual], gradients(expected, exact, weights))


def test_whole_maps_and_out(elsewhere: None) -> None:
    features = torch.randn(2, 3, 9, 11)
    expected = reference.spatial_pyramid_pool(features, (3, 1))
    assert_same(spp_ops.spatial_pyramid_pool(Elsewhere(features), (3, 1)).inner, expected)
    rois = torch.tensor([[0.0, 0, 0, 5, 5], [1, 2, 1, 20, 3]])
    out = Elsewhere(torch.zeros(2, 30))
    assert spp_ops.roi_spatial_pyramid_pool(Elsewhere(features), Elsewhere(rois), (3, 1), out=out) is out
    assert_same(out.inner, reference.roi_spatial_pyramid_pool(features, rois, (3, 1)))


def test_a_bad_row_is_nan_and_named_on_demand(elsewhere: None) -> None:
    features = Elsewhere(torch.randn(2, 3, 9, 11)).requires_grad_()
    rois = Elsewhere(torch.tensor([[0.0, 0, 0, 5, 5], [2, 0, 0, 5, 5], [0, 0, float("nan"), 5, 5]]))
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (2, 1))
    assert pooled.detach().inner.isnan().any(dim=1).tolist() == [False, True, True]
    (gradient,) = torch.autograd.grad(pooled.sum(), features)
    assert gradient.inner.isfinite().all()
    with pytest.raises(ValueError, match=r"rois: row 1 is \(2, 0, 0, 5, 5\), expected a whole image index from 0 to 1"):
        spp_ops.check_rois(features, rois)


def test_one_warning(elsewhere: None) -> None:
    features, rois = Elsewhere(torch.randn(1, 3, 9, 11)), Elsewhere(torch.zeros(1, 5))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            spp_ops.roi_spatial_pyramid_pool(features, rois)
    (warning,) = caught
    assert str(warning.message).startswith("spp_ops: this build has no kernels for lazy")
    assert warning.filename == __file__


class Memory(TorchDispatchMode):
    """The most bytes that tensors made under it held at once."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.most = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operator(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor) and each.untyped_storage().data_ptr() not in self._seen:
                self._take(each.untyped_storage())
        return result

    def _take(self, storage: torch.UntypedStorage) -> None:
        address, size = storage.data_ptr(), storage.nbytes()
        if size == 0:
            return
        self._seen.add(address)
        self.held += size
        self.most = max(self.most, self.held)
        weakref.finalize(storage, self._give, address, size)

    def _give(self, address: int, size: int) -> None:
        self._seen.discard(address)
        self.held -= size


@pytest.mark.parametrize(
    ("shape", "windows", "most"),
    [
        *(((1, 256, 64, 48), 20, 5), ((3, 64, 33, 65), 500, 5), ((40, 16, 30, 30), 10, 5)),
        *(((1, 1, 1024, 1024), 20, 12), ((1, 1, 20, 20), 2000, 13)),  # without channels places take more than numbers
    ],
    ids=str,
)
@pytest.mark.parametrize("grad", [False, True])
def test_memory_is_bounded_by_maps_and_result(shape: tuple[int, ...], windows: int, most: int, grad: bool) -> None:
    """All tables of the least rank at once would be 40 to 120 times the map."""
    features = torch.randn(shape, requires_grad=grad)
    rois = torch.rand(windows, 5) * torch.tensor([shape[0] - 1, *(2 * shape[:1:-1])])
    rois[:, 0].round_()
    with Memory() as memory:
        pooled = fallback.roi_spatial_pyramid_pool(
            [features], rois, [(6, 6), (3, 3), (1, 1)], [Projection.rounded(1.0)]
        )
    assert_same(pooled, reference.roi_spatial_pyramid_pool(features, rois, (6, 3, 1)))
    assert memory.most < most * (features.nbytes + pooled.nbytes)


def test_devices_with_kernels_are_not_asked() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spp_ops.roi_spatial_pyramid_pool(torch.randn(1, 3, 9, 11), torch.zeros(1, 5))
    assert ("cuda" in fallback.WITH_KERNELS) == bool(spp_ops.build_info()["cuda"])
