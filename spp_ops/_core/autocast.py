"""Autocast: features take autocast's dtype, as the convolutions around the operator do; boxes keep theirs.

A maximum of values rounded to 16 bits is the rounded maximum, so nothing is lost here that a cast would not lose.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

OPS = torch.ops.spp_ops
DEVICES = {"AutocastCPU": "cpu", "AutocastCUDA": "cuda"}
OPERATORS = ("roi_spatial_pyramid_pool", "roi_spatial_pyramid_pool_out", "roi_spatial_pyramid_pool_with_indices")


def pooled_dtype(features: Tensor) -> torch.dtype:
    """Dtype that these features are pooled in: autocast's where that is on."""
    device = features.device.type
    casts = device in DEVICES.values() and torch.is_autocast_enabled(device)
    return _cast_to(features, device) if casts else features.dtype


def _cast_to(features: Tensor, device: str) -> torch.dtype:
    # float64 is left alone, as autocast does everywhere.
    return features.dtype if features.dtype == torch.float64 else torch.get_autocast_dtype(device)


@contextmanager
def _switched_off(device: str) -> Iterator[None]:
    torch.set_autocast_enabled(device, False)
    try:
        yield
    finally:
        torch.set_autocast_enabled(device, True)


def _rule(operator: Any, device: str) -> Callable[..., Any]:
    def call(features: Sequence[Tensor], *others: Any) -> Any:
        cast = [m.to(_cast_to(m, device)) for m in features]
        with _switched_off(device):
            return operator(cast, *others)

    return call


def register(library: torch.library.Library) -> None:
    """Register the rule for the operators that users call."""
    for key, device in DEVICES.items():
        for name in OPERATORS:
            library.impl(name, _rule(getattr(OPS, name), device), key)
