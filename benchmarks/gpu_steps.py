"""The steps of the GPU check that pass or fail: each returns its result in a line, or raises StepError."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import torch

from benchmarks.gpu_speed import CONTESTED
from benchmarks.gpu_timing import captured
from spp_ops.benchmarks.cases import CASES, Workload
from spp_ops.benchmarks.check import DisagreementError, check
from spp_ops.benchmarks.peers import PEERS, Pass

ROOT = Path(__file__).resolve().parents[1]
SMALL_LIST = ROOT / "benchmarks" / "gpu_small_list.py"


class StepError(Exception):
    """A step failed; the text is one line."""


def run_command(log: Path, command: list[str], **variables: str) -> str:
    """Run a program in the checkout, its output in a file; return the last line of it.

    Raises:
        StepError: the exit code is not 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))  # where spp_ops is not installed
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
    if done.returncode != 0:
        sys.stderr.write("\n".join(lines[-60:]))
        raise StepError(f"exit code {done.returncode}: {last} (see {log.name})")
    return last


def tests(log: Path) -> str:
    """The whole test list on the device: a test that lacks a GPU fails instead of being skipped."""
    files = sorted(str(path) for path in (ROOT / "tests").glob("test_*.py"))
    options = ["-m", "gpu", "--continue-on-collection-errors", "-p", "no:cacheprovider", "--durations=5"]
    return run_command(log, [sys.executable, "-m", "pytest", *options, *files], SPP_OPS_REQUIRE_GPU="1")


def sanitizer(tool: str, log: Path) -> str:
    """A small list of calls under compute-sanitizer; every tensor has an allocation of its own, with nothing beside."""
    program = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    if program is None:
        raise StepError("compute-sanitizer is not installed (it comes with the CUDA toolkit)")
    options = ["--tool", tool, "--error-exitcode", "1", "--target-processes", "all", *only_our_kernels(program)]
    command = [program, *options, sys.executable, str(SMALL_LIST)]
    return run_command(log, command, PYTORCH_NO_CUDA_MEMORY_CACHING="1")


def only_our_kernels(program: str) -> list[str]:
    """The option that leaves other kernels alone; its name differs between versions."""
    known = subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout
    option = next((name for name in ("--kernel-regex", "--kernel-name") if name in known), None)
    return [] if option is None else [option, "kns=spp"]


def graph_replay(device: str = "cuda") -> str:
    """A captured forward, and a captured forward and backward, give what plain calls give, on new numbers too."""
    for timed in (Pass.FORWARD, Pass.TRAINING):
        work = CASES["MAIN"].draw(device=device, seed=1)
        run = PEERS["ours"].run(work, timed)

        def call() -> list[torch.Tensor]:
            return run.tensors(run.call(run.before()))  # noqa: B023  # called in this turn only

        torch.use_deterministic_algorithms(True)  # sums in any order would differ in their last bits
        try:
            graph, result = captured(call)
            for features in work.maps:
                features.neg_()
            graph.replay()
            replayed = [each.clone() for each in result]  # forward writes to the memory of the workload
            same = all(map(torch.equal, replayed, call()))
        finally:
            torch.use_deterministic_algorithms(False)
        if not same:
            raise StepError(f"{timed.value} differs from a plain call")
    return "equal to plain calls"


def agreement(device: str = "cuda") -> str:
    """Our numbers and torchvision's, on all that is timed."""
    for name, timed in product(CONTESTED, (Pass.FORWARD, Pass.BACKWARD)):
        work: Workload = CASES[name].draw(device=device)
        try:
            check(PEERS["torchvision"], work, timed, PEERS["ours"])
        except DisagreementError as error:
            raise StepError(f"{name} {timed.value}: {error}") from error
    return "equal values, gradients but for the order of sums"
