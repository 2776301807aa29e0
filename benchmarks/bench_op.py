"""The operator and its peers under pytest-benchmark: `pytest benchmarks/ --benchmark-only`.

A group is a workload and a pass; every peer's numbers are checked against ours before its time is taken. For claims
use `spp-ops benchmark op`, whose contestants take turns; here each has its turn once, which is quicker while working on
a kernel: `pytest benchmarks/ --benchmark-only -k "MAIN and ours"`.
"""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from spp_ops.benchmarks.cases import CASES, Workload
from spp_ops.benchmarks.check import check
from spp_ops.benchmarks.harness import keep_freed_memory
from spp_ops.benchmarks.peers import OURS, PEERS, Pass

ROUNDS = 5


@pytest.fixture(scope="module", params=CASES)
def work(request: pytest.FixtureRequest) -> Workload:
    """Draw a workload, once for all that is measured on it."""
    keep_freed_memory()
    return CASES[request.param].draw()


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("timed", Pass, ids=lambda timed: timed.value)
def test_speed(work: Workload, timed: Pass, name: str, benchmark: BenchmarkFixture) -> None:
    """Check and time one peer."""
    peer = PEERS[name]
    if timed not in peer.passes:
        pytest.skip(f"{name} has no {timed.value}")
    reason = peer.missing() or peer.declines(work)
    if reason:
        pytest.skip(f"{name}: {reason}")
    benchmark.group = f"{work.case.name} {timed.value}"
    benchmark.extra_info["threads"] = torch.get_num_threads()
    benchmark.extra_info["beside_ours"] = check(peer, work, timed, ours=OURS["ours"])
    run = peer.run(work, timed)
    benchmark.pedantic(run.call, setup=lambda: ((run.before(),), {}), rounds=ROUNDS, warmup_rounds=1, iterations=1)
