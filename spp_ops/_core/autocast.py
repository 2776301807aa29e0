"""Autocast: features take autocast's dtype, as the convolutions around the operator do; boxes keep theirs.

A maximum of values rounded to 16 bits is the rounded maximum, so nothing is lost here that a cast would not lose.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

OPS = torch.ops.spp_ops
DEVICES = {"AutocastCPU": "cpu", "AutocastCUDA": "cuda"}


def _rule(operator: Any, key: str, device: str) -> Callable[..., Any]:
    def call(features: list[Tensor], *others: Any) -> Any:
        dtype = torch.get_autocast_dtype(device)
        # float64 is left alone, as autocast does everywhere.
        cast = [m if m.dtype == torch.float64 else m.to(dtype) for m in features]
        with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, key))):
            return operator(cast, *others)

    return call


def register(library: torch.library.Library) -> None:
    """Register the rule for the operators that users call."""
    for key, device in DEVICES.items():
        for operator in (OPS.roi_spatial_pyramid_pool, OPS.roi_spatial_pyramid_pool_with_indices):
            library.impl(operator._qualified_op_name.split("::")[1], _rule(operator, key, device), key)
