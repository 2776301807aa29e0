"""Builds and loads the module that runs the CUDA kernels on the host.

``python tests/kernels/cuda_host_build.py [--sanitize]`` builds it; the tests call `load`. Sources are compiled by g++
as plain C++ against the stand-in for <cuda_runtime.h> in tests/kernels/bindings/cuda_host, by ninja, under build/.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "tests" / "kernels" / "bindings" / "cuda_host"
KERNELS = ROOT / "csrc" / "kernels" / "cuda"
MODULE = "spp_cuda_host"
SANITIZE_VARIABLE = "SPP_OPS_SANITIZE"  # set in a process that runs under the sanitizers

# -ffp-contract=off: a corner is projected with plain products and sums (see kernels/window.h).
FLAGS = ["-std=c++20", "-O1", "-g1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
FLAGS += ["-Wno-unknown-pragmas"]  # #pragma unroll
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]


def sources() -> list[Path]:
    """The CUDA sources of the project, and the stand-in with its binding."""
    return sorted([*KERNELS.glob("*.cu"), *HOST.glob("*.cu"), *HOST.glob("*.cpp")])


def build(sanitize: bool = False) -> Path:
    """Compiles what has changed and returns the module's path."""
    import pybind11

    folder = ROOT / "build" / ("cuda_host_sanitized" if sanitize else "cuda_host")
    folder.mkdir(parents=True, exist_ok=True)
    module = folder / f"{MODULE}{sysconfig.get_config_var('EXT_SUFFIX')}"
    flags = FLAGS + (SANITIZERS if sanitize else [])
    others = [pybind11.get_include(), sysconfig.get_paths()["include"]]
    includes = [f"-I{path}" for path in (HOST, KERNELS, ROOT / "csrc")] + [f"-isystem {path}" for path in others]
    objects = {source: folder / f"{source.name}.o" for source in sources()}
    lines = [
        f"flags = {' '.join(flags)} {' '.join(includes)}",
        "rule compile",
        "  command = g++ $flags -MMD -MF $out.d -x c++ -c $in -o $out",
        "  depfile = $out.d",
        "  deps = gcc",
        "rule link",
        "  command = g++ $flags -shared $in -o $out",
        *(f"build {target}: compile {source}" for source, target in objects.items()),
        f"build {module}: link {' '.join(map(str, objects.values()))}",
    ]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")
    jobs = os.environ.get("MAX_JOBS", str(os.cpu_count() or 1))
    result = subprocess.run(["ninja", "-C", str(folder), "-j", jobs], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"building {module.name} failed:\n{result.stdout}{result.stderr}")
    return module


def sanitizing() -> bool:
    """Whether this process was started to load the sanitized module."""
    return os.environ.get(SANITIZE_VARIABLE) == "1"


def load() -> ModuleType:
    """The module, built where needed."""
    path = build(sanitize=sanitizing())
    spec = importlib.util.spec_from_file_location(MODULE, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sanitized_environment() -> dict[str, str]:
    """The environment of a Python process that may load the sanitized module."""
    runtimes = [
        subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    return {
        **os.environ,
        SANITIZE_VARIABLE: "1",
        "LD_PRELOAD": " ".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sanitize", action="store_true", help="with AddressSanitizer and UBSan")
    sys.stdout.write(f"{build(parser.parse_args().sanitize)}\n")
