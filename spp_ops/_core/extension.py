"""Loads the compiled operators; where they cannot be loaded, says what to do about it."""

import importlib
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

CPU_LEVEL_VARIABLE = "SPP_OPS_CPU_LEVEL"


def load() -> None:
    """Register the operators under `torch.ops.spp_ops`.

    Raises:
        ImportError: The extension is not built, or was built for an incompatible torch.
    """
    try:
        importlib.import_module("spp_ops._C")
    except ImportError as error:
        raise ImportError(
            f"spp_ops: the compiled operators could not be loaded with torch {torch.__version__} ({error}). "
            "Build them with `pip install --no-build-isolation .` in a checkout; torch 2.11 or later is needed."
        ) from error
    asked = os.environ.get(CPU_LEVEL_VARIABLE, "")
    if asked not in ("", build_info()["cpu_level"]):
        warnings.warn(
            f"{CPU_LEVEL_VARIABLE}: this processor or build has no level {asked!r}; "
            f"{build_info()['cpu_level']!r} is used",
            stacklevel=2,
        )


def build_info() -> dict[str, Any]:
    """Facts about the compiled operators, as they are known to the extension."""
    info: dict[str, Any] = json.loads(torch.ops.spp_ops.build_info())
    return info


@contextmanager
def force_cpu_level(name: str) -> Iterator[None]:
    """Run the CPU kernels built for one processor level: "baseline", "avx2" or "avx512".

    Raises:
        ValueError: This processor or build has no such level.
    """
    before = build_info()["cpu_level"]
    if not torch.ops.spp_ops.set_cpu_level(name):
        raise ValueError(f"name: this processor or build has no CPU level {name!r}")
    try:
        yield
    finally:
        torch.ops.spp_ops.set_cpu_level(before)


@contextmanager
def force_cpu_reading(name: str) -> Iterator[None]:
    """Let the CPU kernels read bins in one way: "cells", "tables" (of range maxima), or "auto", the cheapest mix.

    Raises:
        ValueError: There is no such way.
    """
    before = build_info()["cpu_reading"]
    if not torch.ops.spp_ops.set_cpu_reading(name):
        raise ValueError(f"name: expected 'auto', 'cells' or 'tables', got {name!r}")
    try:
        yield
    finally:
        torch.ops.spp_ops.set_cpu_reading(before)
