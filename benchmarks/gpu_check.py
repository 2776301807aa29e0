"""All that waits for a GPU: tests, compute-sanitizer, benchmarks; one record and one report (``make gpu-check``).

Writes gpu.json and gpu.md under benchmarks/results. The exit code is 0 only if every step passed and every bar is kept,
2 where there is no GPU or no CUDA build.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from gpu_report import markdown
from gpu_timing import Call, captured, copy_bandwidth, peak_bytes, take_turns

import spp_ops
from spp_ops.benchmarks.cases import CASES, Workload
from spp_ops.benchmarks.check import DisagreementError, check
from spp_ops.benchmarks.peers import PEERS, Pass
from spp_ops.files import atomic_write, write_json
from spp_ops.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SMALL_LIST = ROOT / "benchmarks" / "gpu_small_list.py"
SANITIZERS = ("memcheck", "racecheck")
TIMED_CASES = ("MAIN", "SMALL", "BATCH", "LARGE", "WHOLE", "FIVE")
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Step:
    """A step that passes or fails."""

    passed: bool
    result: str


@dataclass(frozen=True)
class Contest:
    """Contestants that took turns at one piece of work."""

    case: str
    dtype: str
    timed: str
    floor: float  # microseconds: the output written once at copy bandwidth
    microseconds: dict[str, list[float]]

    def micros(self, name: str) -> float:
        """Return a contestant's median."""
        return median(self.microseconds[name])


@dataclass(frozen=True)
class Bar:
    """A promise, what was measured, and whether that keeps it."""

    promise: str
    measured: str
    kept: bool


def run_command(command: list[str], **variables: str) -> Step:
    """Run a program in the checkout; its last line is the result."""
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-8000:] + done.stderr[-8000:])
    return Step(done.returncode == 0, lines[-1] if lines else f"exit code {done.returncode}")


def tests() -> Step:
    """The whole test list, on the device too: a test that lacks a GPU fails instead of being skipped."""
    return run_command([sys.executable, "-m", "pytest"], SPP_OPS_REQUIRE_GPU="1")


def sanitizer(tool: str) -> Step:
    """A small list of calls under compute-sanitizer."""
    program = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    if program is None:
        return Step(False, "compute-sanitizer is not installed (it comes with the CUDA toolkit)")
    options = ["--tool", tool, "--error-exitcode", "1", "--kernel-regex", "kns=spp"]
    return run_command([program, *options, sys.executable, str(SMALL_LIST)])


def pool(work: Workload) -> torch.Tensor:
    """Our forward without gradients, into memory of its own."""
    maps = work.maps if len(work.maps) > 1 else work.maps[0]
    scales = work.spatial_scales if len(work.maps) > 1 else work.spatial_scales[0]
    return spp_ops.roi_spatial_pyramid_pool(maps, work.rois, work.levels, scales, map_index=work.map_index)


def graph_replay(work: Workload) -> Step:
    """A captured call gives what a plain one gives, on new numbers too."""
    work = CASES[work.case.name].draw(work.dtype, work.device, seed=1)
    graph, result = captured(lambda: pool(work))
    work.maps[0].neg_()
    graph.replay()
    same = torch.equal(result, pool(work))
    return Step(same, "equal to a plain call" if same else "differs from a plain call")


def contests(bandwidth: float, names: tuple[str, ...]) -> Iterator[Contest]:
    """Time every pass of every case."""
    for name in names:
        for dtype_name, dtype in DTYPES.items():
            if dtype_name != "float32" and name != "MAIN":
                continue
            work = CASES[name].draw(dtype, "cuda")
            floor = work.output.numel() * work.output.element_size() / bandwidth * 1e6
            for timed in Pass:
                yield Contest(name, dtype_name, timed.value, floor, take_turns(contestants(work, timed)))


def contestants(work: Workload, timed: Pass) -> dict[str, Call]:
    """What takes part in a pass, by name."""
    calls = {"spp_ops": pass_of("ours", work, timed)}
    if not PEERS["torchvision"].declines(work):
        calls["torchvision"] = pass_of("torchvision", work, timed)
    if timed is Pass.FORWARD:
        graph, _ = captured(lambda: pool(work))
        calls["spp_ops graph"] = graph.replay
        calls["fill_"] = lambda: work.output.fill_(0)
    else:
        calls["spp_ops deterministic"] = lambda: deterministically(calls["spp_ops"])
    return calls


def pass_of(peer: str, work: Workload, timed: Pass) -> Call:
    """A peer's pass as one call."""
    run = PEERS[peer].run(work, timed)
    return lambda: run.call(run.before())


def agreement(names: tuple[str, ...]) -> Step:
    """Our numbers and torchvision's, on all that is timed."""
    try:
        for name, timed in product(names, (Pass.FORWARD, Pass.BACKWARD)):
            check(PEERS["torchvision"], CASES[name].draw(device="cuda"), timed, PEERS["ours"])
    except DisagreementError as error:
        return Step(False, f"{name} {timed.value}: {error}")
    return Step(True, "equal values, gradients but for the order of sums")


def deterministically(call: Call) -> object:
    """Make a call under torch.use_deterministic_algorithms."""
    torch.use_deterministic_algorithms(True)
    try:
        return call()
    finally:
        torch.use_deterministic_algorithms(False)


def peaks(work: Workload) -> dict[str, int]:
    """Peak bytes of forward and backward."""
    names = {"spp_ops": "ours", "torchvision": "torchvision"}
    return {name: peak_bytes(pass_of(peer, work, Pass.TRAINING)) for name, peer in names.items()}


def bars(found: list[Contest], peak: dict[str, int]) -> Iterator[Bar]:
    """The project's promises for one GPU, all on MAIN."""
    of = {(c.dtype, c.timed): c for c in found if c.case == "MAIN"}
    forward, training = of["float32", Pass.FORWARD.value], of["float32", Pass.TRAINING.value]
    backward, narrow = of["float32", Pass.BACKWARD.value], of["bfloat16", Pass.FORWARD.value]
    ratio = forward.micros("torchvision") / forward.micros("spp_ops")
    yield Bar("forward at least 8 x torchvision", f"{ratio:.1f} x", ratio >= 8)
    ratio = forward.micros("spp_ops") / forward.floor
    yield Bar("forward within 3 x of writing the output once", f"{ratio:.2f} x", ratio <= 3)
    ratio = training.micros("torchvision") / training.micros("spp_ops")
    yield Bar("forward + backward at least 6 x torchvision", f"{ratio:.1f} x", ratio >= 6)
    ratio = forward.micros("spp_ops") / narrow.micros("spp_ops")
    yield Bar("bfloat16 forward at least 1.6 x float32", f"{ratio:.2f} x", ratio >= 1.6)
    ratio = backward.micros("spp_ops deterministic") / backward.micros("spp_ops")
    yield Bar("deterministic backward at most 2 x the default's time", f"{ratio:.2f} x", ratio <= 2)
    part = peak["spp_ops"] / peak["torchvision"]
    yield Bar("peak memory of forward + backward at most 60 % of torchvision's", f"{part:.0%}", part <= 0.6)


def main() -> int:
    """Run all steps, write record and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for gpu.json and gpu.md")
    parser.add_argument("--no-tests", action="store_true", help="measure only")
    parser.add_argument("--cases", nargs="+", choices=TIMED_CASES, default=TIMED_CASES, help="MAIN is always timed")
    arguments = parser.parse_args()
    if not torch.cuda.is_available() or not spp_ops.build_info()["cuda"]:
        missing = "a build with CUDA (SPP_OPS_CUDA=1)" if torch.cuda.is_available() else "a GPU that torch can use"
        sys.stderr.write(f"gpu-check: needs {missing}\n")
        return 2
    steps: dict[str, Step] = {}
    if not arguments.no_tests:
        steps["tests"] = tests()
        steps |= {tool: sanitizer(tool) for tool in SANITIZERS}
    main_work = CASES["MAIN"].draw(device="cuda")
    steps["CUDA graph"] = graph_replay(main_work)
    bandwidth = copy_bandwidth()
    names = tuple(name for name in TIMED_CASES if name == "MAIN" or name in arguments.cases)
    steps["torchvision agrees"] = agreement(names)
    found = list(contests(bandwidth, names))
    peak = peaks(main_work)
    kept = list(bars(found, peak))
    record: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "passed": all(step.passed for step in steps.values()) and all(bar.kept for bar in kept),
        "machine": describe_machine(torch.device("cuda")),
        "copy_bytes_a_second": bandwidth,
        "steps": {name: asdict(step) for name, step in steps.items()},
        "bars": [asdict(bar) for bar in kept],
        "contests": [{**asdict(contest), "pass": contest.timed} for contest in found],
        "peak_bytes": peak,
    }
    write_json(arguments.out / "gpu.json", record)
    report = markdown(record)
    with atomic_write(arguments.out / "gpu.md") as temporary:
        temporary.write_text(report, encoding="utf-8")
    sys.stdout.write(report)
    return 0 if record["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
