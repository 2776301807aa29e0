"""Builds the extension `spp_ops._C`; everything else about the package is in pyproject.toml.

Environment: SPP_OPS_CUDA=0|1 (default: 1 where a CUDA toolkit and a CUDA build of torch are there),
TORCH_CUDA_ARCH_LIST, DEBUG=1, SANITIZE=address,undefined.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import torch
from setuptools import setup
from torch.utils.cpp_extension import CUDA_HOME, BuildExtension, CppExtension, CUDAExtension

DEFAULT_CUDA_ARCHS = "8.0;9.0;10.0+PTX"
TORCH_TARGET = "0x020b000000000000"  # the stable ABI of torch 2.11, which every later release keeps
PYTHON_TARGET = "0x030A0000"  # the limited API of Python 3.10


def cuda_wanted() -> bool:
    """Say whether to compile the CUDA kernels; end the build with one line if they are asked for and cannot be."""
    missing = [
        what
        for what, there in {
            "a CUDA toolkit (set CUDA_HOME)": CUDA_HOME is not None,
            "a CUDA build of torch of the toolkit's major version": CUDA_HOME is not None
            and (torch.version.cuda or "").split(".")[0] == toolkit_version().split(".")[0],
        }.items()
        if not there
    ]
    asked = os.environ.get("SPP_OPS_CUDA", "")
    if asked not in ("", "0", "1"):
        sys.exit(f"SPP_OPS_CUDA: expected 0 or 1, got {asked!r}")
    if asked == "1" and missing:
        sys.exit(f"SPP_OPS_CUDA=1 needs {' and '.join(missing)}")
    return asked != "0" and not missing


def nvcc_says(*arguments: str) -> str:
    """Return what the toolkit's nvcc prints; nothing if there is none."""
    nvcc = Path(CUDA_HOME or "") / "bin" / "nvcc"
    if not nvcc.exists():
        return ""
    done = subprocess.run([nvcc, *arguments], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def toolkit_version() -> str:
    """Return the release of the CUDA toolkit that compiles the kernels, as 13.0."""
    found = re.search(r"release (\d+\.\d+)", nvcc_says("--version"))
    return found.group(1) if found else "unknown"


def toolkit_libraries() -> list[str]:
    """Return where nvcc itself looks for libraries: CUDA_HOME may hold no more than a link to nvcc."""
    return re.findall(r'"-L([^"]+)"', nvcc_says("--dryrun", "none.cu"))


def sources(*patterns: str) -> list[str]:
    """List files below csrc, in an order that does not change from build to build."""
    return sorted(str(path) for pattern in patterns for path in Path("csrc").glob(pattern))


def extension() -> CppExtension:
    """Describe the stable-ABI module with the operators, for CPU alone or for CPU and CUDA."""
    optimize = ["-O0", "-g"] if os.environ.get("DEBUG") == "1" else ["-O3"]
    sanitize = [f"-fsanitize={kinds}" for kinds in [os.environ.get("SANITIZE", "")] if kinds]
    if sanitize:
        optimize = ["-O1", "-g", "-fno-omit-frame-pointer"]
    # Geometry must round the same in every build (csrc/kernels/window.h): no fused multiply-add.
    cxx = [*optimize, *sanitize, "-std=c++20", "-ffp-contract=off", "-fvisibility=hidden"]
    cxx += ["-Wall", "-Wextra", "-Wno-psabi"]
    macros = [("TORCH_TARGET_VERSION", TORCH_TARGET), ("Py_LIMITED_API", PYTHON_TARGET)]
    files = sources("ops/*.cpp", "kernels/cpu/*.cpp")
    if not cuda_wanted():
        files.remove("csrc/ops/cuda.cpp")
        return CppExtension(
            "spp_ops._C",
            files,
            define_macros=macros,
            extra_compile_args={"cxx": cxx},
            extra_link_args=sanitize,
            py_limited_api=True,
        )
    archs = os.environ.setdefault("TORCH_CUDA_ARCH_LIST", DEFAULT_CUDA_ARCHS)
    macros += [("USE_CUDA", None), ("SPP_CUDA_VERSION", toolkit_version()), ("SPP_CUDA_ARCHS", archs.replace(";", " "))]
    nvcc = ["-G", "-g"] if os.environ.get("DEBUG") == "1" else ["-O3"]
    return CUDAExtension(
        "spp_ops._C",
        files + sources("kernels/cuda/*.cu"),
        define_macros=macros,
        library_dirs=toolkit_libraries(),
        extra_compile_args={"cxx": cxx, "nvcc": [*nvcc, "-std=c++20", "-fmad=false"]},
        extra_link_args=sanitize,
        py_limited_api=True,
    )


setup(
    ext_modules=[extension()],
    cmdclass={"build_ext": BuildExtension},
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
