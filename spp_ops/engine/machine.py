"""The machine a measurement was made on, and the device to use."""

from __future__ import annotations

import os
import platform
import warnings
from pathlib import Path
from typing import Any

import torch

import spp_ops


def choose_device(name: str | None = None) -> torch.device:
    """Return the device called `name`: "cpu", "cuda", "cuda:1", ...; None: the first GPU, or the CPU where none is.

    Raises:
        ValueError: there is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about names of the past
            device = torch.device(name)
        torch.ones(1, device=device).item()  # whether it computes
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        raise ValueError(f"device: {name!r} is not available here: {reason}") from error
    if device.type == "cpu" and device.index:
        raise ValueError(f"device: {name!r} is not available here: all processors are one device, cpu")
    return device


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Gather what a figure needs beside it: the device, the processor, and all of `spp_ops.build_info`."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": _processor(),
        "cores": os.cpu_count(),
        **spp_ops.build_info(),
    }


def one_line(machine: dict[str, Any]) -> str:
    """Return the part of a description that decides how long things take, for images."""
    if machine["device"] != "cpu":
        return f"{machine['device']}, torch {machine['torch']}"
    return f"{machine['processor']}, {machine['threads']} threads, torch {machine['torch']}"


def _processor() -> str:
    """Return the processor's name; Linux hides it from `platform`."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
