"""Builds the compiled operators; everything else about the package is in pyproject.toml.

`spp_ops._C` holds the schemas, and the operators for CPU. `spp_ops._C_cuda` holds the operators for CUDA: a library of
its own, so that one wheel serves PyTorch with and without CUDA.

Environment: SPP_OPS_CUDA=0|1 (default: 1 where a CUDA toolkit and a CUDA build of torch are there),
TORCH_CUDA_ARCH_LIST, CXX, DEBUG=1, SANITIZE=address,undefined.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup

try:
    import torch
    from torch.utils.cpp_extension import CUDA_HOME, BuildExtension, CppExtension, include_paths
except ImportError as error:
    sys.exit(f"spp_ops: building needs PyTorch ({error}): pip install torch, or leave out --no-build-isolation")
OLDEST_TORCH = (2, 11)
if tuple(int(part) for part in torch.__version__.split(".")[:2]) < OLDEST_TORCH:
    sys.exit(f"spp_ops: torch {torch.__version__} is too old: expected 2.11 or later")

# GPUs to compile for, and the first release of the CUDA toolkit that can. The last one that it can comes as PTX too,
# from which a driver compiles for GPUs that are newer.
CUDA_ARCHS = {
    "7.5": (10, 0),
    "8.0": (11, 0),
    "8.6": (11, 1),
    "8.9": (11, 8),
    "9.0": (11, 8),
    "10.0": (12, 8),
    "12.0": (12, 8),
}
OLDEST_COMPILERS = {"GCC": 12, "Clang": 14}  # C++20
TORCH_TARGET = "0x020b000000000000"  # the stable ABI of torch 2.11, which every later release keeps
PYTHON_TARGET = "0x030A0000"  # the limited API of Python 3.10

DEBUG = os.environ.get("DEBUG") == "1"
SANITIZE = [f"-fsanitize={kinds}" for kinds in [os.environ.get("SANITIZE", "")] if kinds]


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


def default_archs(toolkit: str) -> str:
    """Return what a toolkit of this release compiles for, as TORCH_CUDA_ARCH_LIST has it."""
    release = tuple(int(number) for number in re.findall(r"\d+", toolkit)) or max(CUDA_ARCHS.values())
    return ";".join(arch for arch, first in CUDA_ARCHS.items() if first <= release) + "+PTX"


def toolkit_libraries() -> list[str]:
    """Return where nvcc itself looks for libraries: CUDA_HOME may hold no more than a link to nvcc."""
    return re.findall(r'"-L([^"]+)"', nvcc_says("--dryrun", "none.cu"))


def refuse_compiler(command: str) -> None:
    """End the build with one line if there is no compiler, or one that is too old for C++20."""
    program = shlex.split(command)[0]
    if shutil.which(program) is None:
        sys.exit(f"spp_ops: no C++ compiler: no {program!r}; install GCC 12 or Clang 14, or later, or set CXX")
    says = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    for name, pattern in {"Clang": r"clang version (\d+)", "GCC": r"^\S*[gc]\+\+\S* \(.*\) (\d+)\."}.items():
        found = re.search(pattern, says, re.MULTILINE)
        if found:
            oldest = OLDEST_COMPILERS[name]
            if int(found.group(1)) < oldest:
                sys.exit(f"spp_ops: {program} is {name} {found.group(1)}: expected {oldest} or later (set CXX)")
            return


def sources(*patterns: str) -> list[str]:
    """List files below csrc, in an order that does not change from build to build."""
    return sorted(str(path) for pattern in patterns for path in Path("csrc").glob(pattern))


def shared_glue() -> list[str]:
    """List what both libraries have of csrc/ops: the files that register no operator and are no module."""
    texts = {file: Path(file).read_text(encoding="utf-8") for file in sources("ops/*.cpp")}
    return [file for file, text in texts.items() if not re.search(r"STABLE_TORCH_LIBRARY|PyInit_", text)]


def cxx_flags() -> list[str]:
    """Return the flags of every C++ file."""
    optimize = ["-O1", "-g", "-fno-omit-frame-pointer"] if SANITIZE else ["-O0", "-g"] if DEBUG else ["-O3", "-g0"]
    # Geometry must round the same in every build (csrc/kernels/window.h): no fused multiply-add.
    numbers = ["-std=c++20", "-ffp-contract=off", "-fvisibility=hidden"]
    return [*optimize, *SANITIZE, *numbers, "-Wall", "-Wextra", "-Wno-psabi"]


def library(name: str, files: list[str], macros: dict[str, str | None], **options: list[str]) -> Extension:
    """Describe a library on PyTorch's stable ABI, which serves every later torch and every later Python."""
    nvcc = [*(["-G", "-g"] if DEBUG else ["-O3"]), "-std=c++20", "-fmad=false"]
    abi = {"TORCH_TARGET_VERSION": TORCH_TARGET, "Py_LIMITED_API": PYTHON_TARGET}
    return CppExtension(
        name,
        files,
        define_macros=[*abi.items(), *macros.items()],
        extra_compile_args={"cxx": cxx_flags(), "nvcc": nvcc},
        extra_link_args=[*SANITIZE, *options.pop("extra_link_args", [])],
        py_limited_api=True,
        **options,
    )


def cpu_library() -> Extension:
    """Describe the module with the schemas, and the operators for CPU."""
    files = [file for file in sources("ops/*.cpp", "kernels/cpu/*.cpp") if Path(file).name != "cuda.cpp"]
    return library("spp_ops._C", files, {})


def cuda_library() -> Extension:
    """Describe the library with the operators for CUDA.

    It brings its own CUDA runtime and finds the rest in the torch that loads it, whichever CUDA that was built with.
    """
    archs = os.environ.setdefault("TORCH_CUDA_ARCH_LIST", default_archs(toolkit_version()))
    facts = {"SPP_CUDA_VERSION": toolkit_version(), "SPP_CUDA_ARCHS": archs.replace(";", " ")}
    return library(
        "spp_ops._C_cuda",
        ["csrc/ops/cuda.cpp", *shared_glue(), *sources("kernels/cuda/*.cu")],
        {"USE_CUDA": None, **facts},
        include_dirs=[path for path in include_paths("cuda") if path not in include_paths("cpu")],
        library_dirs=toolkit_libraries(),
        libraries=["cudart_static", "rt", "dl", "pthread"],
        # libtorch.so itself gives nothing, but leads to libtorch_cuda.so.
        extra_link_args=["-Wl,--no-as-needed", "-ltorch", "-Wl,--exclude-libs,libcudart_static.a"],
    )


class Build(BuildExtension):
    """Compiles with ninja, after a look at the compiler."""

    def run(self) -> None:
        """Build all libraries."""
        refuse_compiler(os.environ.get("CXX", "c++"))
        super().run()


setup(
    ext_modules=[cpu_library(), *([cuda_library()] if cuda_wanted() else [])],
    cmdclass={"build_ext": Build},
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
