"""A second build of the package, under AddressSanitizer and UndefinedBehaviorSanitizer, beside the first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "sanitize"


def sanitized_environment() -> dict[str, str]:
    """Build the package for the CPU into build/sanitize, and return the environment in which Python uses that.

    Raises:
        SystemExit: The compiler has no AddressSanitizer library, or the build fails.
    """
    # Python loads libstdc++ late; the sanitizer looks for the real throw when it starts.
    libraries = [_library_of_compiler(name) for name in ("libasan.so", "libstdc++.so.6")]
    command = [sys.executable, "setup.py", "-q", "build", "--build-base", str(BUILD), "--build-lib", str(BUILD / "lib")]
    environment = {**os.environ, "SANITIZE": "address,undefined", "SPP_OPS_CUDA": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nfuzz: the sanitized build failed")
    return {
        **os.environ,
        "PYTHONPATH": str(BUILD / "lib"),
        "LD_PRELOAD": " ".join(libraries),
        # Python and torch leak by design; and what asks for too much memory is to be refused, not to end the process.
        "ASAN_OPTIONS": "detect_leaks=0:detect_odr_violation=0:allocator_may_return_null=1:max_allocation_size_mb=4096",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }


def _library_of_compiler(name: str) -> str:
    compiler = os.environ.get("CXX", "g++")
    asked = [compiler, f"-print-file-name={name}"]
    library = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(library).is_absolute():
        sys.exit(f"fuzz: {compiler} has no {name}")
    return str(Path(library).resolve())
