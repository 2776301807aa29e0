"""The stand-in for CUDA itself: it finds the mistakes it is there to find, and runs right kernels right."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cuda_host_build
import pytest
from cuda_cases import HOST, PROPERTY, SEED_VARIABLE, Case, cases, check_forward, configure
from hypothesis import given
from hypothesis import strategies as st

RACES = [
    "reverse_without_barrier",
    "reverse_with_warp_barrier",
    "rotate_with_shuffle_only",
    "read_then_write_without_barrier",
    "count_without_atomics",
    "atomic_beside_plain_read",
]
SOUND = ["reverse", "rotate_warp", "count_atomically", "votes", "divisions", "edges_of_bins", "rows_of_items"]
SOUND += ["waits_then_reads"]
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _usual_settings() -> Iterator[None]:
    yield
    configure()


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("name", RACES)
def test_finds_races(name: str, seed: int | None) -> None:
    configure(random_order=seed is not None, seed=seed or 0)
    with pytest.raises(RuntimeError, match=r"block \(0, 0\), thread \d+: race: thread \d+ .* with no barrier between"):
        HOST.run_faulty_kernel(name)


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("name", SOUND)
def test_passes_sound_kernels(name: str, seed: int | None) -> None:
    configure(random_order=seed is not None, seed=seed or 0)
    HOST.run_faulty_kernel(name)


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("reads_then_waits", "a wrong number came"),
        ("waits_but_for_one_thread", "a thread did not wait for earlier kernels"),
    ],
)
def test_a_kernel_that_may_begin_early_does(name: str, finding: str) -> None:
    with pytest.raises(RuntimeError, match=finding):
        HOST.run_faulty_kernel(name)


def test_finds_accesses_out_of_bounds() -> None:
    with pytest.raises(RuntimeError, match=r"thread 63: out of bounds: \[64, 65\) of a shared span of 64"):
        HOST.run_faulty_kernel("one_past_the_span")
    with pytest.raises(RuntimeError, match=r"thread \d+: access outside of the block's 256 bytes of shared memory"):
        HOST.run_faulty_kernel("more_than_the_launch_gave")


@pytest.mark.parametrize(
    ("name", "waiting"),
    [
        ("barrier_in_a_branch", "32 threads wait at __syncthreads, 0 for their warp, 32 have returned"),
        ("different_barriers", "1 threads wait at __syncthreads, 31 for their warp, 32 have returned"),
        ("vote_in_a_branch", "0 threads wait at __syncthreads, 32 for their warp, 32 have returned"),
    ],
)
def test_finds_divergent_barriers(name: str, waiting: str) -> None:
    with pytest.raises(RuntimeError, match=waiting):
        HOST.run_faulty_kernel(name)


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("vector_off_its_boundary", "16 bytes of global memory read at once, misaligned"),
        ("vector_past_the_array", "8 bytes of global memory read at once, not within an array of the call"),
        ("write_to_an_input", "8 bytes of global memory written at once, not within an array of the call"),
    ],
)
def test_finds_vectors_that_are_not_the_calls(name: str, finding: str) -> None:
    with pytest.raises(RuntimeError, match=finding):
        HOST.run_faulty_kernel(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("too_many_threads", r"too_many_threads \(grid 1 x 1, block 2048, shared memory 0 bytes\): invalid"),
        ("too_much_shared_memory", r"too_much_shared_memory .*1048576 bytes"),
        ("default_stream", r"default_stream .*: invalid resource handle"),
    ],
)
def test_a_launch_that_the_device_refuses_names_kernel_and_sizes(name: str, message: str) -> None:
    """And leaves no error behind for whoever asks next."""
    with pytest.raises(RuntimeError, match=message):
        HOST.run_faulty_kernel(name)
    assert HOST.last_error() == "cudaSuccess"


def test_names_an_unknown_kernel() -> None:
    with pytest.raises(ValueError, match="no kernel named nothing"):
        HOST.run_faulty_kernel("nothing")


@PROPERTY
@given(cases(), st.integers(0, 2**32 - 1))
def test_forward_under_any_order_of_blocks_and_threads(case: Case, seed: int) -> None:
    configure(random_order=True, seed=seed)
    check_forward(case)


outside_the_sanitizers = pytest.mark.skipif(
    cuda_host_build.sanitizing(), reason="this already is the run under the sanitizers"
)


def run_sanitized(arguments: list[str], examples: int = 1, **variables: str) -> subprocess.CompletedProcess[str]:
    """A Python process of its own: the sanitizers must be in it from its start."""
    cuda_host_build.build(sanitize=True)
    environment = {**cuda_host_build.sanitized_environment(), "SPP_OPS_EXAMPLES": str(examples), **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, cwd=HERE, capture_output=True, text=True, check=False)


@outside_the_sanitizers
@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("past_the_heap", "AddressSanitizer: heap-buffer-overflow"),
        ("past_the_stack_of_a_fiber", "runtime error: store to address"),
        ("integer_overflow", "runtime error: signed integer overflow"),
    ],
)
def test_the_sanitizers_watch_kernels(name: str, finding: str) -> None:
    result = run_sanitized(["-c", f"import cuda_host_build; cuda_host_build.load().run_faulty_kernel('{name}')"])
    assert result.returncode != 0
    assert finding in result.stderr, result.stderr[-4000:]


@pytest.mark.slow
@outside_the_sanitizers
@pytest.mark.parametrize(
    "order",
    [
        pytest.param({}, id="in order"),
        pytest.param({SEED_VARIABLE: "1"}, id="in a random order"),
    ],
)
def test_everything_under_the_sanitizers(order: dict[str, str]) -> None:
    tests = [f"test_cuda_{each}.py" for each in ("forward", "backward", "limits", "launches", "host")]
    arguments = ["-m", "pytest", "-q", "-x", "--noconftest", "-p", "no:cacheprovider", *tests]
    result = run_sanitized(arguments, examples=8, **order)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


@pytest.mark.slow
@outside_the_sanitizers
def test_the_operators_tests_under_the_sanitizers() -> None:
    """The tests of forward, backward and every further derivative that run on each device, on the CUDA sources."""
    tests = [str(HERE.parent / f"test_{each}.py") for each in ("forward", "backward")]
    arguments = ["-m", "pytest", "-q", "-x", "-p", "cuda_operators", "-p", "no:cacheprovider", *tests]
    result = run_sanitized(arguments, examples=8, PYTHONPATH=str(HERE), **{SEED_VARIABLE: "2"})
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    calls = dict(re.findall(r"'(\w+)': (\d+)", result.stdout))
    assert all(int(calls[kernel]) > 100 for kernel in ("forward", "backward", "gather")), calls
