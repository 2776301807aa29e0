"""Python programs run as one process or, by torchrun, as several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_python(*arguments: object, processes: int = 1, timeout: int = 600) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` on one thread a process; several processes join a gloo group on CPUs."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    return subprocess.run(
        [sys.executable, *launcher, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
