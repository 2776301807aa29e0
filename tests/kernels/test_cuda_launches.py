"""How kernels are started: what a launch asks of the device."""

from __future__ import annotations

from collections.abc import Iterator

import cuda_rules as rules
import numpy as np
import pytest
from cuda_cases import HOST, NO_SLICE, Case, check_forward, configure, encode

CELLS = rules.Rule(rules.Axis(high=rules.Corner()), rules.Axis(high=rules.Corner()), rules.AS_IS)
SYSTEM_SHARED_BYTES = 1024  # that a block takes of a multiprocessor besides its own


@pytest.fixture(autouse=True)
def _usual_settings() -> Iterator[None]:
    HOST.take_launches()
    yield
    configure()


def case_of(rows: int, side: int, channels: int = 9, levels: tuple[int, ...] = (6, 3, 2, 1)) -> Case:
    random = np.random.default_rng(0)
    low = random.integers(0, side, (rows, 2))
    boxes = np.concatenate([np.zeros((rows, 1)), low, random.integers(low + 1, side + 1)], 1).astype(np.float32)
    maps = [encode(random.standard_normal((1, channels, side, side)), "float32")]
    return Case(maps, "float32", [CELLS], boxes, "float32", None, 1.0, [(n, n) for n in levels], None)


# By the threads of a block: pool_windows, build_tables, and pool_resident or scatter_gradients.
TOGETHER = {64: 8, 256: 4, 512: 2}


@pytest.mark.parametrize("device", [{}, {"max_shared_bytes": 99 * 1024}, {"max_shared_bytes": NO_SLICE}])
def test_shared_memory_is_carved_out_for_the_blocks_that_are_to_run_together(device: dict[str, int]) -> None:
    """Kernels without shared memory leave it to the driver."""
    configure(**device)
    whole = device.get("max_shared_bytes", 227 * 1024) + SYSTEM_SHARED_BYTES
    check_forward(case_of(40, 12))
    gradients = np.ones((3, 4), np.float32)
    HOST.backward(gradients, 0, np.zeros((3, 4), np.int32), np.zeros(3, np.int32), [(2, 2)], [(3, 4)], 1, 1, True)
    asking = [launch for launch in HOST.take_launches() if launch.shared_bytes]
    assert len(asking) >= 2
    for launch in asking:
        bytes_together = TOGETHER[launch.threads] * (launch.shared_bytes + SYSTEM_SHARED_BYTES)
        assert launch.carve_out == min(100, -(-100 * bytes_together // whole))
