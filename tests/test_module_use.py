"""The operator where programs use it: copies, functional calls, worker processes, meta and fake tensors, subclasses."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from agreement import assert_same
from strategies import DTYPES
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.data import DataLoader, Dataset

import spp_ops
from spp_ops import Projection, ReceptiveField
from spp_ops.nn import RoISpatialPyramidPool, SpatialPyramidPool2d

FEATURES = torch.randn(2, 3, 13, 10, generator=torch.Generator().manual_seed(0))
ROIS = torch.tensor([[0.0, 1, 2, 12, 9], [1, 0, 0, 5, 5]])


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), SpatialPyramidPool2d((2, (1, 2), 1)), nn.Linear(28, 2)).eval()


def through_a_file(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    loaded: nn.Module = torch.load(file, weights_only=False)
    return loaded


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), through_a_file])
def test_copies_do_the_same(copied: Callable[[nn.Module], nn.Module]) -> None:
    net = network()
    assert_same(copied(net)(FEATURES), net(FEATURES))
    field = ReceptiveField(size=7, stride=2, center=1)
    for projection in (0.5, Projection.floor_ceil(2), Projection.receptive_field(field), [Projection.cells()]):
        pool = RoISpatialPyramidPool((2, 1), projection, target_area=99.0)
        again = copied(pool)
        assert_same(again(FEATURES, ROIS), pool(FEATURES, ROIS))
        assert repr(again) == repr(pool)


def test_state_dicts_hold_nothing_of_the_pooling() -> None:
    assert set(network().state_dict()) == {"0.weight", "0.bias", "3.weight", "3.bias"}
    network().load_state_dict(network().state_dict(), assign=True)


def test_functional_call() -> None:
    net = network()
    twice = {name: 2 * parameter for name, parameter in net.named_parameters()}
    doubled = copy.deepcopy(net)
    doubled.load_state_dict(twice)
    assert_same(torch.func.functional_call(net, twice, FEATURES), doubled(FEATURES))


def test_per_sample_gradients() -> None:
    """The usual composition: vmap of grad of functional_call."""
    net = network()
    parameters = dict(net.named_parameters())

    def loss(parameters: dict[str, Tensor], image: Tensor) -> Tensor:
        return torch.func.functional_call(net, parameters, image[None]).square().sum()

    batched = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, FEATURES)
    for i, image in enumerate(FEATURES):
        alone = torch.autograd.grad(loss(parameters, image), list(parameters.values()))
        for name, gradient in zip(parameters, alone, strict=True):
            torch.testing.assert_close(batched[name][i], gradient)


# Worker processes


class PooledMaps(Dataset[Tensor]):
    """Pools, forward and backward, in the worker."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Tensor:
        torch.set_num_threads(self.threads)  # a loader's workers start with one
        features = torch.randn(1, 16, 60, 60, generator=torch.Generator().manual_seed(index)).requires_grad_()
        rois = torch.tensor([[0.0, i, i, 59, 59] for i in range(50)])
        pooled = spp_ops.roi_spatial_pyramid_pool(features, rois)
        (gradient,) = torch.autograd.grad(pooled.sum(), features)
        return torch.cat([pooled.detach().flatten(), gradient.flatten()])


@pytest.mark.parametrize(("method", "threads"), [("fork", 1), ("spawn", 1), ("spawn", 2), ("forkserver", 2)])
def test_data_loader_workers(method: str, threads: int) -> None:
    """A forked process has one thread only, as torch's thread pool does not survive a fork."""
    expected = torch.stack([PooledMaps(1)[i] for i in range(6)])
    loader = DataLoader(PooledMaps(threads), batch_size=2, num_workers=2, multiprocessing_context=method, timeout=120)
    assert_same(torch.cat(list(loader)), expected)


# Tensors of other kinds


@pytest.mark.parametrize("dtype", DTYPES)
def test_meta_tensors(dtype: torch.dtype) -> None:
    features = torch.empty(2, 3, 13, 10, device="meta", dtype=dtype, requires_grad=True)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, torch.empty(7, 5, device="meta"), (2, 1))
    assert (pooled.shape, pooled.dtype, pooled.device.type) == ((7, 15), dtype, "meta")
    (gradient,) = torch.autograd.grad(pooled.sum(), features)
    assert (gradient.shape, gradient.device.type) == (features.shape, "meta")
    with torch.device("meta"):
        assert network()(torch.empty(2, 3, 99, 98)).shape == (2, 2)


def test_fake_tensors() -> None:
    net = network()
    with FakeTensorMode(allow_non_fake_inputs=True):
        maps = [torch.empty(2, 3, 13, 10, requires_grad=True), torch.empty(2, 3, 26, 20)]
        pooled = spp_ops.roi_spatial_pyramid_pool(maps, torch.empty(7, 5), (2, 1), [0.5, 1.0])
        assert pooled.shape == (7, 15)
        pooled.sum().backward()
        assert maps[0].grad is not None
        assert maps[0].grad.shape == maps[0].shape
        assert net(torch.empty(5, 3, 30, 40)).shape == (5, 2)


class Recorded(Tensor):
    """Notes which operators it met, and comes out of them."""

    met: list[str] = []  # noqa: RUF012

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.met.append(getattr(function, "__name__", str(function)))
        return super().__torch_function__(function, types, args, kwargs or {})


def test_a_tensor_subclass_stays_one() -> None:
    features = FEATURES.clone().as_subclass(Recorded)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, ROIS, (2, 1))
    assert isinstance(pooled, Recorded)
    assert any("roi_spatial_pyramid_pool" in name for name in Recorded.met)
    assert_same(pooled.as_subclass(Tensor), spp_ops.roi_spatial_pyramid_pool(FEATURES, ROIS, (2, 1)))
    assert isinstance(spp_ops.split_levels(pooled, (2, 1), 3)[0], Recorded)


class Wrapped(Tensor):
    """A subclass of the `__torch_dispatch__` kind, that holds its values in another tensor."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:
        made: Wrapped = Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def unwrap(value: Any) -> Any:
            return value.inner if isinstance(value, Wrapped) else value

        args, kwargs = torch.utils._pytree.tree_map(unwrap, (args, kwargs or {}))
        return torch.utils._pytree.tree_map_only(Tensor, Wrapped, function(*args, **kwargs))


def test_a_wrapper_subclass_gets_the_operator_and_its_gradient() -> None:
    wrapped, plain = Wrapped(FEATURES).requires_grad_(), FEATURES.clone().requires_grad_()
    pooled = spp_ops.roi_spatial_pyramid_pool(wrapped, ROIS, (2, 1))
    expected = spp_ops.roi_spatial_pyramid_pool(plain, ROIS, (2, 1))
    assert isinstance(pooled, Wrapped)
    assert_same(pooled.inner, expected.detach())
    (gradient,) = torch.autograd.grad(pooled.sum(), wrapped)
    assert isinstance(gradient, Wrapped)
    assert_same(gradient.inner, torch.autograd.grad(expected.sum(), plain)[0])


def test_parameters_and_views_as_features() -> None:
    parameter = nn.Parameter(FEATURES.clone())
    spp_ops.spatial_pyramid_pool(parameter[:1, :, ::2], (2, 1)).sum().backward()
    assert parameter.grad is not None
    assert parameter.grad[1].abs().sum() == 0


def test_inference_mode() -> None:
    with torch.inference_mode():
        pooled = spp_ops.roi_spatial_pyramid_pool(FEATURES, ROIS, (2, 1))
    assert pooled.is_inference()
    assert_same(pooled.clone(), spp_ops.roi_spatial_pyramid_pool(FEATURES, ROIS, (2, 1)))
