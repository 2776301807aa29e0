"""Fixtures that run one list of tests on every device, CPU level and number of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest
import torch

from spp_ops._core import extension

CPU_LEVELS = ("baseline", "avx2", "avx512")  # slowest first

# Fixtures here hold for a whole test, so every example of a property may share them.
hypothesis.settings.register_profile(
    "spp_ops",
    deadline=None,
    derandomize="CI" in os.environ,  # the same examples for the same tests: a red run is a red change
    max_examples=int(os.environ.get("SPP_OPS_EXAMPLES", "60")),
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("spp_ops")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor fill the user's cache of proposals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPP_OPS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each device that has kernels."""
    if request.param == "cuda":
        request.getfixturevalue("cuda")
    return torch.device(request.param)


@pytest.fixture
def cuda() -> torch.device:
    """The GPU. SPP_OPS_REQUIRE_GPU=1 turns a skip for want of one into a failure."""
    if not (torch.cuda.is_available() and extension.build_info()["cuda"]):
        reason = "needs a GPU and a build with CUDA"
        if os.environ.get("SPP_OPS_REQUIRE_GPU") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return torch.device("cuda")


@pytest.fixture(params=CPU_LEVELS)
def cpu_level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each build of the CPU kernels that this processor can run, forced in turn."""
    if CPU_LEVELS.index(request.param) > CPU_LEVELS.index(_best_cpu_level()):
        pytest.skip(f"this processor has no {request.param}")
    with extension.force_cpu_level(request.param):
        yield request.param


def _best_cpu_level() -> str:
    """The best level of this processor by the account of torch, which looks for itself."""
    return {"AVX512": "avx512", "AVX2": "avx2"}.get(torch.backends.cpu.get_cpu_capability(), "baseline")


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """One thread, and several."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def deterministic() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)
