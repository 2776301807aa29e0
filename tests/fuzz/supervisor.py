"""Runs workers and watches them: a failed check, a crash, a sanitizer's report or a hang ends the run with its seed."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TESTS = Path(__file__).resolve().parent.parent
CASES_A_WORKER = 2000  # then a new process, so that a leak shows in none
HANG = 600.0  # seconds without a new case
LONGEST_OUTPUT = 10_000  # characters
SANITIZER_REPORTS = ("runtime error:", "ERROR: AddressSanitizer", "AddressSanitizer: CHECK failed")


@dataclass(frozen=True)
class Failure:
    """What went wrong, at which seed."""

    seed: int
    reason: str
    output: str

    def report(self, options: str = "") -> str:
        again = f"python -m tests.fuzz --seed {self.seed} --cases 1{options}"
        return f"{self.output}\nfuzz: {self.reason} at seed {self.seed}; repeat it by `{again}`"


def plain_environment() -> dict[str, str]:
    """The extension as it is built in this checkout."""
    return {**os.environ, "PYTHONPATH": str(TESTS.parent), "PYTHONFAULTHANDLER": "1"}


def run(seed: int, seconds: float, environment: dict[str, str], most_cases: int | None = None) -> int | Failure:
    """Run cases from `seed` on until the time is up; how many, or the first failure."""
    end, done = time.monotonic() + seconds, 0
    while time.monotonic() < end and (most_cases is None or done < most_cases):
        count = CASES_A_WORKER if most_cases is None else min(CASES_A_WORKER, most_cases - done)
        outcome = _run_worker(seed + done, count, end, environment)
        if isinstance(outcome, Failure):
            return outcome
        done += outcome
    return done


def _run_worker(seed: int, count: int, end: float, environment: dict[str, str]) -> int | Failure:
    command = [sys.executable, "-m", "fuzz.worker", str(seed), str(count)]
    with tempfile.TemporaryFile("w+") as errors:
        worker = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            cwd=TESTS,
            start_new_session=True,
        )
        try:
            first_left, reason = _watch(worker, seed, end)
        finally:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        errors.seek(0)
        output = errors.read()
    if not reason and any(mark in output for mark in SANITIZER_REPORTS):
        first_left, reason = max(seed, first_left - 1), "a sanitizer's report"  # of this case at the latest
    return Failure(first_left, reason, _excerpt(output)) if reason else first_left - seed


def _excerpt(output: str) -> str:
    """The end of it, or what a sanitizer reported first."""
    reported = [place for mark in SANITIZER_REPORTS if (place := output.find(mark)) >= 0]
    begin = output.rfind("\n", 0, min(reported)) + 1 if reported else max(0, len(output) - LONGEST_OUTPUT)
    return output[begin : begin + LONGEST_OUTPUT]


def _watch(worker: subprocess.Popen[str], seed: int, end: float) -> tuple[int, str]:
    """The first case that did not pass, and what was wrong with it: nothing, if only time or cases were up."""
    assert worker.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_forward, args=(worker.stdout, lines), daemon=True).start()
    last, silent = seed, 0.0
    while (left := end - time.monotonic()) > 0:
        # In steps, so that a spell in which the whole machine sleeps counts as one of them.
        step = min(HANG / 20, left)
        try:
            line = lines.get(timeout=step)
            silent = 0.0
        except queue.Empty:
            silent += step
            if silent >= HANG:
                return last, f"no end after {HANG:g} s"
            continue
        if line == "done":
            return last + 1, _ended(worker)
        if not line:
            code = worker.wait()
            return last, f"killed by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
        last = int(line)
    return last, ""


def _ended(worker: subprocess.Popen[str]) -> str:
    """Wait for the process itself, as a sanitizer may speak at its very end; what is wrong, if anything."""
    try:
        worker.wait(timeout=HANG)
    except subprocess.TimeoutExpired:
        return f"no end after {HANG:g} s"
    return ""


def _forward(stream: IO[str], lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line.strip())
    lines.put("")
