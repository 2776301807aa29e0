"""torch.func's transforms, forward-mode derivatives and autocast give what the reference gives."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor
from torch._dynamo import compiled_autograd
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx

import spp_ops

LEVELS = ((2, 3), 2, 1)
SCALE = 1 / 16
ROIS = torch.tensor([[0, 0, 0, 100, 100], [1, 30, 30, 100, 90], [1, -90, 0, -40, 50]], dtype=torch.float64)
Function: TypeAlias = Callable[[Tensor], Tensor]


def ours(features: Tensor) -> Tensor:
    return spp_ops.roi_spatial_pyramid_pool(features, ROIS.to(features.device), LEVELS, SCALE)


def plain(features: Tensor) -> Tensor:
    return spp_ops.reference.roi_spatial_pyramid_pool(features, ROIS.to(features.device), LEVELS, SCALE)


def cubed(function: Function) -> Function:
    """A scalar with derivatives of three orders."""
    return lambda features: function(features).pow(3).sum()


@pytest.fixture
def batch(device: torch.device) -> Tensor:
    """Four pairs of images, small enough for whole Hessians."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 2, 1, 5, 6, dtype=torch.float64, generator=generator).to(device)


def test_forward_mode(batch: Tensor) -> None:
    features, tangent = batch[:2]
    expected = jvp(plain, (features,), (tangent,))[1]
    assert torch.equal(jvp(ours, (features,), (tangent,))[1], expected)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(features, tangent)
        assert torch.equal(forward_ad.unpack_dual(ours(dual)).tangent, expected)


@pytest.mark.parametrize("jacobian", [jacfwd, jacrev])
def test_jacobians(batch: Tensor, jacobian: Callable[[Function], Function]) -> None:
    assert torch.equal(jacobian(ours)(batch[0]), torch.autograd.functional.jacobian(plain, batch[0]))


def test_hessian(batch: Tensor) -> None:
    expected = torch.autograd.functional.hessian(cubed(plain), batch[0])
    assert expected.abs().max() > 0
    assert torch.allclose(hessian(cubed(ours))(batch[0]), expected)
    assert torch.allclose(jacrev(jacrev(cubed(ours)))(batch[0]), expected)


def test_derivatives_of_derivatives_in_every_mix(batch: Tensor) -> None:
    features, tangent = batch[:2]
    along = torch.autograd.functional.hvp(cubed(plain), features, tangent)[1]
    assert torch.allclose(jvp(grad(cubed(ours)), (features,), (tangent,))[1], along)
    assert torch.allclose(grad(lambda x: jvp(cubed(ours), (x,), (tangent,))[1])(features), along)
    assert torch.allclose(grad(lambda x: (grad(cubed(ours))(x) * tangent).sum())(features), along)


def test_checks_of_torch(batch: Tensor) -> None:
    features = batch[0].clone().requires_grad_()
    assert gradcheck(ours, features, check_forward_ad=True)
    assert gradgradcheck(ours, features, check_fwd_over_rev=True)


def test_vmap_over_maps_boxes_and_both(batch: Tensor) -> None:
    each = torch.stack([ours(features) for features in batch])
    assert torch.equal(vmap(ours)(batch), each)
    assert torch.equal(vmap(ours, in_dims=2)(batch.movedim(0, 2)), each)
    nested = vmap(vmap(ours))(batch.unflatten(0, (2, 2)))
    assert torch.equal(nested.flatten(0, 1), each)

    boxes = torch.stack([ROIS + 8 * i * torch.tensor([0, 1, 1, 1, 1]) for i in range(4)]).to(batch.device)

    def pool(features: Tensor, rois: Tensor) -> Tensor:
        return spp_ops.roi_spatial_pyramid_pool(features, rois, LEVELS, SCALE)

    shared = vmap(pool, in_dims=(None, 0))(batch[0], boxes)
    assert torch.equal(shared, torch.stack([pool(batch[0], rois) for rois in boxes]))
    own = vmap(pool)(batch, boxes)
    assert torch.equal(own, torch.stack([pool(features, rois) for features, rois in zip(batch, boxes, strict=True)]))


def test_vmap_over_several_maps_and_map_index(batch: Tensor) -> None:
    chosen = torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]], device=batch.device)

    def pool(small: Tensor, large: Tensor, map_index: Tensor) -> Tensor:
        rois = ROIS.to(small.device)
        return spp_ops.roi_spatial_pyramid_pool([small, large], rois, LEVELS, [SCALE, SCALE / 2], map_index=map_index)

    large = batch.repeat_interleave(2, -1)
    together = vmap(pool)(batch, large, chosen)
    assert torch.equal(together, torch.stack([pool(*each) for each in zip(batch, large, chosen, strict=True)]))


def test_gradients_of_each_call_of_a_batch(batch: Tensor) -> None:
    each = torch.stack([grad(cubed(plain))(features) for features in batch])
    assert torch.allclose(vmap(grad(cubed(ours)))(batch), each)


def test_a_batch_does_not_reach_into_another_call(batch: Tensor) -> None:
    # Image 2 of a call of two images would be the first image of the next call.
    rois = torch.tensor([[2.0, 0, 0, 50, 50]]).expand(4, 1, 5).to(batch.device)
    with pytest.raises(ValueError, match="rois: row 0"):
        vmap(lambda x, r: spp_ops.roi_spatial_pyramid_pool(x, r, LEVELS, SCALE))(batch.cpu(), rois.cpu())


def in_transforms(function: Function, tangent: Tensor) -> dict[str, Function]:
    """Functions of one pair of images or, from "vmap" on, of a batch of them."""

    def along(each: Function) -> Function:
        return lambda x: jvp(each, (x,), (tangent,))[1]

    return {
        "grad": grad(cubed(function)),
        "jvp": along(function),
        "jacfwd": jacfwd(function),
        "jacrev": jacrev(function),
        "hessian": hessian(cubed(function)),
        "grad(jvp)": grad(along(cubed(function))),
        "jvp(grad)": along(grad(cubed(function))),
        "vmap": vmap(function),
        "vmap(jvp)": vmap(along(function)),
        "vmap(grad)": vmap(grad(cubed(function))),
    }


@pytest.mark.parametrize("name", in_transforms(plain, ROIS))
def test_transforms_inside_a_compiled_function(batch: Tensor, name: str) -> None:
    torch.compiler.reset()
    transformed = in_transforms(ours, batch[1])[name]
    given = batch if name.startswith("vmap") else batch[0]
    compiled = torch.compile(transformed, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(given), transformed(given))


def test_a_dual_level_inside_a_compiled_function(batch: Tensor) -> None:
    def along(features: Tensor, tangent: Tensor) -> Any:
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(ours(forward_ad.make_dual(features, tangent))).tangent

    torch.compiler.reset()
    compiled = torch.compile(along, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(*batch[:2]), along(*batch[:2]))


@pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
def test_a_traced_gradient(batch: Tensor, mode: Any) -> None:
    def gradient(features: Tensor) -> Tensor:
        leaf = features.detach().requires_grad_()
        return torch.autograd.grad(cubed(ours)(leaf), leaf)[0]

    traced = make_fx(gradient, tracing_mode=mode, _allow_non_fake_inputs=True)(batch[0])
    assert torch.allclose(traced(batch[1]), gradient(batch[1]))


def test_compiled_autograd_of_what_eager_mode_recorded(batch: Tensor) -> None:
    leaf = batch[0].clone().requires_grad_()
    loss = cubed(ours)(leaf)
    torch.compiler.reset()
    with compiled_autograd._enable(torch.compile(backend="aot_eager", fullgraph=True)):
        loss.backward()
    assert leaf.grad is not None
    assert torch.allclose(leaf.grad, grad(cubed(plain))(batch[0]))


def test_tangents_of_boxes_are_zero(batch: Tensor) -> None:
    def pool(rois: Tensor, features: Tensor) -> Tensor:
        return spp_ops.roi_spatial_pyramid_pool(features, rois, LEVELS, SCALE)

    rois = ROIS.to(batch.device)
    for features in (batch[0], batch[0].clone().requires_grad_()):
        pooled, tangent = jvp(partial(pool, features=features), (rois,), (rois,))[:2]
        assert torch.equal(pooled, pool(rois, batch[0]))
        assert not tangent.any()


def test_batches_of_gradients(batch: Tensor) -> None:
    def two_maps(features: Tensor) -> Tensor:
        chosen = torch.tensor([0, 1, 0], device=features.device)
        rois = ROIS.to(features.device)
        return spp_ops.roi_spatial_pyramid_pool([features, features.flip(3)], rois, LEVELS, SCALE, map_index=chosen)

    jacobian: Any = torch.autograd.functional.jacobian
    for function in (ours, two_maps):
        leaf = batch[0].clone().requires_grad_()
        pooled = function(leaf)
        each = torch.eye(pooled.numel(), dtype=pooled.dtype, device=pooled.device).view(-1, *pooled.shape)
        (together,) = torch.autograd.grad(pooled, leaf, each, is_grads_batched=True)
        expected = jacobian(function, batch[0])
        assert torch.equal(together.view_as(expected), expected)
        assert torch.equal(jacobian(function, batch[0], vectorize=True), expected)
        assert torch.equal(jacobian(function, batch[0], vectorize=True, strategy="forward-mode"), expected)
    assert gradcheck(two_maps, leaf, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True)
    assert gradgradcheck(two_maps, leaf, check_batched_grad=True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_casts_features_and_keeps_boxes(device: torch.device, dtype: torch.dtype) -> None:
    features = torch.randn(1, 3, 64, 64, device=device, requires_grad=True)
    # In 16 bits these corners would fall into other cells.
    rois = torch.tensor([[0, 1003.0, 1005.0, 1021.0, 1019.0]], device=device)
    with torch.autocast(device.type, dtype):
        pooled = spp_ops.roi_spatial_pyramid_pool(features, rois, (2, 1), SCALE)
    assert pooled.dtype == dtype
    expected = spp_ops.reference.roi_spatial_pyramid_pool(features.to(dtype), rois, (2, 1), SCALE)
    assert torch.equal(pooled, expected)
    pooled.sum().backward()
    assert features.grad is not None
    assert features.grad.dtype == torch.float32
    assert features.grad.sum() == (pooled != 0).sum() > 0  # one cell a bin that has any
