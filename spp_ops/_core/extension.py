"""Loads the compiled operators; where they cannot be loaded, says why and what to do about it."""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from spp_ops._core.startup import is_command_line

CPU_LEVEL_VARIABLE = "SPP_OPS_CPU_LEVEL"
OLDEST_TORCH = (2, 11)
_PACKAGE = Path(__file__).parents[1]


def load() -> None:
    """Register the operators under `torch.ops.spp_ops`: those for CPU, and those for CUDA where torch has CUDA.

    Raises:
        ImportError: The operators are not built, or are of an incompatible torch. The message is one line; on the
            command line it is all that is printed.
    """
    try:
        importlib.import_module("spp_ops._C")
    except ImportError as error:
        if is_command_line():
            print(f"error: {_why(error)}", file=sys.stderr)
            sys.exit(2)
        raise ImportError(_why(error)) from error
    if torch.version.cuda is not None:
        _load_cuda()
    asked = os.environ.get(CPU_LEVEL_VARIABLE, "")
    if asked not in ("", build_info()["cpu_level"]):
        warnings.warn(
            f"{CPU_LEVEL_VARIABLE}: this processor or build has no level {asked!r}; "
            f"{build_info()['cpu_level']!r} is used",
            stacklevel=2,
        )


def _load_cuda() -> None:
    """Load the CUDA kernels, if this build has them. Without them tensors on a GPU are served more slowly."""
    try:
        for library in _libraries(_PACKAGE, "_C_cuda"):
            torch.ops.load_library(library)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        warnings.warn(f"spp_ops: the CUDA kernels do not load with torch {torch.__version__}: {reason}", stacklevel=3)


def _libraries(package: Path, name: str) -> list[Path]:
    return [path for ending in ("so", "pyd") for path in sorted(package.glob(f"{name}.*{ending}"))]


def _why(error: ImportError) -> str:
    """Why `spp_ops._C` could not be imported, the cause first, in one line."""
    if _release(torch.__version__) < OLDEST_TORCH:
        return f"spp_ops: torch {torch.__version__} is too old: expected 2.11 or later"
    if _libraries(_PACKAGE, "_C"):
        reason = " ".join(str(error).split())
        return (
            f"spp_ops: the compiled operators do not load with torch {torch.__version__}: {reason}; "
            "install spp_ops again for this torch"
        )
    build = "build them with `make build`, or `pip install --no-build-isolation -e .`"
    if not (_PACKAGE.parent / "setup.py").exists():
        return f"spp_ops: {_PACKAGE} has no compiled operators: install spp_ops again"
    for folder in map(Path, sys.path):
        if folder.resolve() != _PACKAGE.parent and _libraries(folder / "spp_ops", "_C"):
            return (
                f"spp_ops: the sources in {_PACKAGE.parent}, without compiled operators, hide the package installed in "
                f"{folder}: start Python in another folder, or {build}"
            )
    return f"spp_ops: the sources in {_PACKAGE.parent} have no compiled operators: {build}"


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+", maxsplit=1)[0].split(".")[:2])


def build_info() -> dict[str, Any]:
    """Facts about the compiled operators, as they are known to the libraries loaded."""
    facts: dict[str, Any] = {"cuda": None, "cuda_archs": "", **json.loads(torch.ops.spp_ops.build_info())}
    if hasattr(torch.ops.spp_ops, "cuda_build_info"):
        facts |= json.loads(torch.ops.spp_ops.cuda_build_info())
    return facts


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
