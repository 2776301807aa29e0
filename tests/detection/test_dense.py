"""Fully connected layers for inference against PyTorch's."""

import pytest
import torch
from torch import nn

from spp_ops.detection.features.linear import Dense, computes_bfloat16, dense
from spp_ops.models import zf5


@pytest.mark.parametrize("rows", [0, 1, 2, 37])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer(rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(70, 33, bias=bias)
    with torch.inference_mode():
        values = torch.randn(rows, 70)
        fast = Dense(layer)(values)
        torch.testing.assert_close(fast, layer(values))
        strided = torch.randn(rows, 80)[:, 5:75]
        torch.testing.assert_close(Dense(layer)(strided), layer(strided))
    assert fast.is_contiguous()


def test_a_head_shares_weights_and_leaves_the_network_as_it_was() -> None:
    torch.manual_seed(0)
    net = zf5(num_classes=5, hidden=(20, 10)).train()
    with torch.inference_mode():
        values = torch.randn(6, 12_800)
        head = dense(net.head_up_to("fc6"))
        torch.testing.assert_close(head(values), net.head_features(values, "fc6"), rtol=1e-4, atol=1e-4)
        with torch.no_grad():
            net.head.fc6.weight.mul_(2)
        torch.testing.assert_close(head(values), net.head_features(values, "fc6"), rtol=1e-4, atol=1e-4)
        half = dense(net.head_up_to("fc6"), "bfloat16")(values)
        exact = head(values)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).norm() < 0.01 * exact.norm()
    assert net.head.drop6.training


def test_gradients() -> None:
    layer = nn.Linear(7, 3)
    Dense(layer)(torch.randn(4, 7)).sum().backward()
    assert layer.weight.grad is not None


def test_bad_precision() -> None:
    with pytest.raises(ValueError, match="precision: expected one of float32, bfloat16, int8, got 'float16'"):
        Dense(nn.Linear(2, 2), "float16")  # type: ignore[arg-type]


def test_what_the_processor_says() -> None:
    assert isinstance(computes_bfloat16(torch.device("cpu")), bool)
    assert computes_bfloat16(torch.device("meta")) is False
