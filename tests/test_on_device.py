"""Tests on a device meet the layouts that they ask for."""

from __future__ import annotations

import pytest
import torch
from on_device import on_device
from strategies import LAYOUTS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_stays_on_another_device(layout: str, device: torch.device) -> None:
    features = LAYOUTS[layout](lambda *shape: torch.randn(shape), 2, 3, 4, 5)
    for target in (torch.device("meta"), device):
        moved = on_device(features, target)
        assert (moved.size(), moved.stride()) == (features.size(), features.stride())
        assert moved.storage_offset() == features.storage_offset()
        assert moved.untyped_storage().nbytes() == features.untyped_storage().nbytes()
    torch.testing.assert_close(on_device(features, device, torch.float64).cpu(), features.double())


def test_a_negated_view_stays_negated(device: torch.device) -> None:
    features = torch._neg_view(torch.randn(2, 3, 4, 5))
    torch.testing.assert_close(on_device(features, device, torch.float64).cpu(), features.double())
