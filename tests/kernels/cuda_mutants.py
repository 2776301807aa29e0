"""Plants faults in the CUDA sources, one at a time, and says which of them the tests on the host do not find.

``python tests/kernels/cuda_mutants.py [NAME...]`` (``make mutants``) copies sources and tests to build/mutants,
plants each fault of faults/ there, builds, and runs the tests until one fails. A name is that of a fault, or of a file
whose faults are meant, as cuda/pool.h; without names all faults are planted. The exit code is 0 only if every fault was
found, but for those that change no result and say why.

With ``--record`` verdicts are written to a file as they come, and faults that have one there are not planted again:
what takes an hour may be done in pieces. After a change of the sources begin with an empty record.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "mutants"
COPIED = ("csrc/kernels", "tests/kernels")
TESTS = tuple(f"test_cuda_{each}.py" for each in ("limits", "forward", "backward", "launches", "host"))
LEFT_OUT = "sanitizers"  # a second build: the rest must find the faults
EXAMPLES = "25"  # of a property
PATIENCE = 10  # times what the tests take without a fault: a fault may keep a kernel from ending


def copy_tree() -> None:
    """Bring the copy up to date; what is as it was keeps its time, so that it need not be built again."""
    for folder in COPIED:
        for old in (TREE / folder).rglob("*"):
            if old.is_file() and not (ROOT / old.relative_to(TREE)).exists():
                old.unlink()
        for source in (ROOT / folder).rglob("*"):
            target = TREE / source.relative_to(ROOT)
            if source.is_dir() or "__pycache__" in source.parts:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_bytes() != source.read_bytes():
                shutil.copyfile(source, target)


def run(*arguments: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    """A Python process in the copy, ended after so many seconds."""
    environment = {**os.environ, "SPP_OPS_EXAMPLES": EXAMPLES, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    folder = TREE / "tests" / "kernels"
    try:
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "FAILED no end\n", "")


def run_tests(seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    # Without the configuration of the checkout around the copy, whose tests it would import.
    options = (
        "-c",
        os.devnull,
        "--rootdir",
        ".",
        "-q",
        "-x",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "-k",
        f"not {LEFT_OUT}",
    )
    return run("-m", "pytest", *options, *TESTS, seconds=seconds)


def outcome(fault: Fault, seconds: float) -> str:
    """How a fault ends: "found by TEST", "does not compile" or "SURVIVES"; tests without it take so many seconds."""
    path = TREE / "csrc" / "kernels" / fault.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(fault.planted(sound), encoding="utf-8")
    try:
        if run("cuda_host_build.py").returncode != 0:
            return "does not compile"
        done = run_tests(PATIENCE * seconds)
        if done.returncode == 0:
            return "SURVIVES"
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return f"found by {failed[0].split('::')[-1].split(' - ')[0]}" if failed else "found: the process died"
    finally:
        path.write_text(sound, encoding="utf-8")


def key(fault: Fault) -> str:
    """A fault in a record."""
    return f"{fault.file}: {fault.name}"


def is_right(fault: Fault, how: str) -> bool:
    """Whether a fault ends as it should: found, or harmless as it says."""
    return how != "does not compile" and (how == "SURVIVES") == bool(fault.harmless)


def read_record(path: Path | None) -> dict[str, str]:
    """The verdicts of a record; none where there is no file."""
    if path is None or not path.exists():
        return {}
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="plant these only")
    parser.add_argument("--record", type=Path, metavar="JSON", help="keep verdicts here, and go on from those there")
    arguments = parser.parse_args()
    names = set(arguments.names)
    unknown = names - {name for fault in FAULTS for name in (fault.name, fault.file)}
    if unknown:
        parser.error(f"no fault named {', '.join(sorted(unknown))}")
    verdicts = read_record(arguments.record)
    chosen = [fault for fault in FAULTS if not names or {fault.name, fault.file} & names]
    begun = time.monotonic()
    copy_tree()
    built = run("cuda_host_build.py").returncode == 0
    started = time.monotonic()
    if not built or run_tests().returncode != 0:
        sys.stderr.write("cuda_mutants: the sources without a fault do not pass\n")
        return 2
    seconds = time.monotonic() - started
    for fault in chosen:
        if key(fault) not in verdicts:
            verdicts[key(fault)] = outcome(fault, seconds)
            if arguments.record is not None:
                arguments.record.write_text(json.dumps(verdicts, indent=1) + "\n", encoding="utf-8")
        reason = f" ({fault.harmless})" if fault.harmless else ""
        sys.stdout.write(f"{key(fault)}: {verdicts[key(fault)]}{reason}\n")
        sys.stdout.flush()
    wrong = sum(not is_right(fault, verdicts[key(fault)]) for fault in chosen)
    minutes = (time.monotonic() - begun) / 60
    sys.stdout.write(f"{len(chosen)} faults, {wrong} not as they should be, {minutes:.0f} minutes\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
