"""Peak memory of `spp-ops detect` on one photo, in a process of its own: all of its resident memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from spp_ops.detection.detectors.spp import SPPDetector

_MEASURED = """\
import sys
from spp_ops.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    if ended.code:
        raise
from spp_ops.benchmarks.memory import status_bytes
print(status_bytes("VmHWM"))
"""


def peak_bytes(detector: SPPDetector, photo: Path, threads: int) -> int:
    """Most bytes that the command has in memory at a time, Python and PyTorch included.

    Args:
        detector: saved and given as --weights.
        photo: a file.
        threads: of the process.

    Raises:
        RuntimeError: the command failed; the message is its own.
    """
    with TemporaryDirectory() as folder:
        detector.save(Path(folder) / "run")
        options = ["--weights", f"{folder}/run", "--out", f"{folder}/found", "--no-images", "--device", "cpu"]
        command = [sys.executable, "-c", _MEASURED, "detect", str(photo), *options]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"spp-ops detect {photo}: {done.stderr.strip().splitlines()[-1]}")
    return int(done.stdout.splitlines()[-1])
