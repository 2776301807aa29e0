"""Seeds that make a random draw depend on what it is for, and on nothing drawn before it."""

from __future__ import annotations

import numpy as np


def seed_of(*numbers: int) -> int:
    """Mix numbers into a seed for torch, so that a random draw depends on what it is for and on nothing before it."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
