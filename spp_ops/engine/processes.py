"""Which process this is of those that torchrun has started; knows no torch."""

from __future__ import annotations

import os


def world_size() -> int:
    """How many processes work together: those that torchrun has started, else one.

    A WORLD_SIZE left by something else counts for nothing, nor do the variables of a batch system's job.
    """
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The number of this process among them."""
    return int(os.environ["RANK"]) if world_size() > 1 else 0


def is_first() -> bool:
    """Whether this process is the one that speaks and writes."""
    return rank() == 0
