"""The oldest supported PyTorch in a virtual environment below build/abi, and the package built against it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
BUILD = ROOT / "build" / "abi"
LIBRARY = BUILD / "lib"

OLDEST = ("torch==2.11.*", "torchvision==0.26.*")
BESIDE = ("numpy", "pytest", "pytest-benchmark", "hypothesis", "setuptools>=77", "wheel", "ninja")


def oldest_python() -> Path:
    """The interpreter of an environment with the oldest PyTorch; several GB are installed the first time.

    Raises:
        subprocess.CalledProcessError: The packages could not be installed; pip has said why.
    """
    environment = BUILD / "venv"
    python, ready = environment / "bin" / "python", environment / ".ready"
    if not ready.exists():
        print(f"abi: installing {OLDEST[0]} into {environment}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *OLDEST, *BESIDE], check=True)
        ready.touch()
    return python


def build_with(python: Path) -> Path:
    """Build the package for the CPU into `LIBRARY`, and return the extension's file.

    Raises:
        SystemExit: The build failed.
    """
    print("abi: building the extension", flush=True)
    command = [python, "setup.py", "-q", "build", "--build-base", BUILD / "work", "--build-lib", LIBRARY]
    environment = {**os.environ, "SPP_OPS_CUDA": "0"}
    # ninja and its like come from the environment that builds.
    environment["PATH"] = f"{python.parent}{os.pathsep}{environment.get('PATH', '')}"
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nabi: the build failed")
    (binary,) = (LIBRARY / "spp_ops").glob("_C*.so")
    return binary


def variables(binary: Path) -> dict[str, str]:
    """The environment in which an interpreter takes the package from `LIBRARY`, and all else from the checkout."""
    return {**os.environ, "PYTHONPATH": f"{LIBRARY}{os.pathsep}{ROOT}", "SPP_OPS_BINARY": str(binary)}
