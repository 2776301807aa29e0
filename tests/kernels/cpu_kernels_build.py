"""Builds and loads the module that runs the CPU kernels on NumPy arrays."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

import pybind11

ROOT = Path(__file__).resolve().parents[2]
MODULE = "spp_cpu_kernels"
FLAGS = ["-std=c++20", "-O2", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-psabi"]


def build() -> Path:
    """Compiles what has changed, by ninja, and returns the module's path."""
    folder = ROOT / "build" / "cpu_kernels"
    folder.mkdir(parents=True, exist_ok=True)
    module = folder / f"{MODULE}{sysconfig.get_config_var('EXT_SUFFIX')}"
    sources = [*sorted((ROOT / "csrc/kernels/cpu").glob("*.cpp")), ROOT / "tests/kernels/bindings/cpu/bindings.cpp"]
    includes = [pybind11.get_include(), sysconfig.get_paths()["include"]]
    objects = {source: folder / f"{source.stem}.o" for source in sources}
    lines = [
        f"flags = {' '.join(FLAGS)} -I{ROOT / 'csrc'} {' '.join(f'-isystem {path}' for path in includes)}",
        "rule compile",
        "  command = g++ $flags -MMD -MF $out.d -c $in -o $out",
        "  depfile = $out.d",
        "  deps = gcc",
        "rule link",
        "  command = g++ -shared -pthread $in -o $out",
        *(f"build {target}: compile {source}" for source, target in objects.items()),
        f"build {module}: link {' '.join(map(str, objects.values()))}",
    ]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")
    jobs = os.environ.get("MAX_JOBS", str(os.cpu_count() or 1))
    result = subprocess.run(["ninja", "-C", str(folder), "-j", jobs], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"building {MODULE} failed:\n{result.stdout}{result.stderr}")
    return module


def load() -> ModuleType:
    """The module, built where needed."""
    spec = importlib.util.spec_from_file_location(MODULE, build())
    if spec is None or spec.loader is None:
        raise ImportError(f"no module {MODULE}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
