"""`python -m tests.abi`: build once, run under the oldest PyTorch and under this one, compare bit for bit."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.abi.comparison import compare
from tests.abi.environments import BUILD, ROOT, TESTS, build_with, oldest_python, variables

# The operators' own tests. What is not here tests other packages around them, or compilers.
TEST_FILES = (
    "abi/test_binary.py",
    "test_backward.py",
    "test_bad_input.py",
    "test_bad_operator_input.py",
    "test_bad_rows.py",
    "test_forward.py",
    "test_module_use.py",
    "test_nn.py",
    "test_opcheck.py",
    "test_peers.py",
    "test_projection.py",
    "test_reference.py",
    "test_transforms.py",
    "test_unusual_input.py",
)


def main() -> int:
    """0: equal under both. 1: a digest or a test says otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.abi", description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="random calls to compare (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the first (default: 0)")
    parser.add_argument("--examples", type=int, default=10, help="of each property test (default: 10)")
    options = parser.parse_args()
    pythons = [oldest_python(), Path(sys.executable)]
    environment = {**variables(build_with(pythons[0])), "SPP_OPS_EXAMPLES": str(options.examples), "CI": "1"}
    reports = [digests(python, options.seed, options.cases, environment) for python in pythons]
    differences = compare(*reports)
    for line in differences[:20]:
        print(f"abi: {line}")
    print(f"abi: {len(reports[0]['digests'])} digests, {len(differences)} differ", flush=True)
    failed = [run_tests(python, environment) for python in pythons]
    return int(bool(differences) or any(failed))


def digests(python: Path, seed: int, cases: int, environment: dict[str, str]) -> dict[str, Any]:
    """What `abi.digests` says under one interpreter."""
    command = [python, "-m", "abi.digests", str(seed), str(cases)]
    done = subprocess.run(command, cwd=TESTS, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    print(f"abi: torch {report['torch']} runs {report['binary']}", flush=True)
    return report


def run_tests(python: Path, environment: dict[str, str]) -> bool:
    """Whether a test failed. The working directory is not the checkout, whose package would come first there."""
    files = [TESTS / name for name in TEST_FILES]
    options = ["-p", "no:cacheprovider", "--rootdir", ROOT, "-c", ROOT / "pyproject.toml"]
    print(f"abi: tests under {python}", flush=True)
    command = [os.fspath(each) for each in (python, "-m", "pytest", *options, *files)]
    return subprocess.run(command, cwd=BUILD, env=environment, check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
