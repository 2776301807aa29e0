"""`out=` follows torch's rules: the mutation is declared, derivatives and shared memory are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from agreement import assert_same
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import grad, jvp, vmap

import spp_ops

ROIS = torch.tensor([[0, 0, 0, 100, 100.0], [0, 10, 0, 50, 50]])
COLUMNS = 10
INFERENCE = r"^out: is for inference"


def pool(features: Tensor | list[Tensor], rois: Tensor, out: Tensor | None = None) -> Tensor:
    return spp_ops.roi_spatial_pyramid_pool(features, rois, (2, 1), 1 / 16, out=out)


class Pool(nn.Module):
    def forward(self, features: Tensor, rois: Tensor, out: Tensor) -> Tensor:
        return pool(features, rois, out) + 0


@pytest.fixture
def features() -> Tensor:
    return torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def out() -> Tensor:
    return torch.zeros(len(ROIS), COLUMNS)


def in_each_form(features: Tensor, out: Tensor) -> dict[str, Callable[..., Any]]:
    program = torch.export.export(Pool(), (features, ROIS, out))
    torch.compiler.reset()
    return {
        "eager": pool,
        "without gradients": torch.no_grad()(pool),
        "inference": torch.inference_mode()(pool),
        "compiled": torch.compile(pool, backend="aot_eager", fullgraph=True),
        "compiled by Inductor": torch.compile(pool, fullgraph=True),
        "exported": program.module(),
        "decomposed": program.run_decompositions().module(),
    }


def test_the_mutation_counts_as_one_in_every_form(features: Tensor, out: Tensor) -> None:
    expected = pool(features, ROIS)
    for name, form in in_each_form(features, out).items():
        out.zero_()
        before = out._version
        form(features, ROIS, out)
        assert out._version > before, name
        assert_same(out, expected)


def test_a_buffer_that_backward_still_needs_is_not_written_over_unseen(features: Tensor, out: Tensor) -> None:
    linear = nn.Linear(COLUMNS, 3)
    loss = torch.zeros(())
    for step in range(3):
        loss = loss + linear(pool(features + step, ROIS, out)).sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_gradient_of_any_map_is_refused(features: Tensor, out: Tensor) -> None:
    leaf = features.clone().requires_grad_()
    for maps in ([leaf, features], [features, leaf]):
        with pytest.raises(ValueError, match=INFERENCE):
            pool(maps, ROIS, out)
    with pytest.raises(ValueError, match=INFERENCE):
        pool(features, ROIS, out.requires_grad_())
    with torch.no_grad():
        assert_same(pool([leaf, features], ROIS, out), pool([leaf, features], ROIS))


def test_the_operator_refuses_by_itself(features: Tensor, out: Tensor) -> None:
    arguments = ([features.requires_grad_()], ROIS, None, [2, 2, 1, 1], spp_ops.Projection.cells().numbers(), 1.0, out)
    with pytest.raises(ValueError, match=INFERENCE):
        torch.ops.spp_ops.roi_spatial_pyramid_pool_out(*arguments)


def test_tangents_are_refused(features: Tensor, out: Tensor) -> None:
    with pytest.raises(ValueError, match=INFERENCE):
        jvp(lambda x: pool(x, ROIS, out), (features,), (features,))
    with pytest.raises(ValueError, match=INFERENCE):
        grad(lambda x: pool(x, ROIS, out).sum())(features)
    with forward_ad.dual_level(), pytest.raises(ValueError, match=INFERENCE):
        pool([features, forward_ad.make_dual(features, features)], ROIS, out)
    with forward_ad.dual_level(), pytest.raises(ValueError, match=INFERENCE):
        pool(features, ROIS, forward_ad.make_dual(out, out.clone()))


def test_memory_that_is_read_is_not_written() -> None:
    memory = torch.ones(200)
    features = memory[:72].view(1, 2, 6, 6)
    with pytest.raises(ValueError, match=r"^out: expected memory of its own, got some that features has too"):
        pool(features, ROIS, memory[71:91].view(2, COLUMNS))
    with pytest.raises(ValueError, match=r"^out: .* features has too"):
        pool([features.clone(), features], ROIS, memory[60:80].view(2, COLUMNS))
    rois = memory[100:110].view(2, 5).zero_()
    with pytest.raises(ValueError, match=r"^out: .* rois has too"):
        pool(features, rois, memory[105:125].view(2, COLUMNS))
    beside = memory[72:92].view(2, COLUMNS)
    assert_same(pool(features, ROIS, beside), pool(features, ROIS))


def test_other_columns_of_the_same_rows_are_no_overlap(features: Tensor) -> None:
    rows = torch.zeros(len(ROIS), 5 + COLUMNS)
    rows[:, :5] = ROIS
    assert_same(pool(features, rows[:, :5], rows[:, 5:]), pool(features, ROIS))
    with pytest.raises(ValueError, match=r"^out: .* rois has too"):
        pool(features, rows[:, :5], rows[:, 4:-1])


def test_autocast_has_one_rule(features: Tensor, out: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        with pytest.raises(TypeError, match=r"^out: expected torch.bfloat16, the dtype that autocast gives features"):
            pool(features, ROIS, out)
        half = out.bfloat16()
        assert_same(pool(features, ROIS, half), pool(features, ROIS))
        assert half.any()


def test_vmap_writes_every_call_s_own_rows(features: Tensor) -> None:
    batch = torch.stack([features, 2 * features, -features])
    outs = torch.zeros(3, len(ROIS), COLUMNS)
    expected = torch.stack([pool(each, ROIS) for each in batch])
    assert_same(vmap(pool, in_dims=(0, None, 0))(batch, ROIS, outs), expected)
    assert_same(outs, expected)
    with pytest.raises(ValueError, match=r"^out: expected one for each call of vmap"):
        vmap(pool, in_dims=(0, None, None))(batch, ROIS, outs[0])
    with pytest.raises(ValueError, match=r"^out: expected the rows of a batch one after another"):
        vmap(pool, in_dims=(0, None, 1))(batch, ROIS, outs.new_zeros(len(ROIS), 3, COLUMNS))
