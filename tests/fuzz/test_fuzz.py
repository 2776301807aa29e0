"""The short form of the fuzz, and that it finds what there is to find."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fuzz.supervisor import Failure, plain_environment, run

SECONDS = float(os.environ.get("SPP_OPS_FUZZ_SECONDS", "10"))


def test_random_calls() -> None:
    """Other seeds each time, save where a red run must mean a red change: a failure prints its own."""
    seed = 1000 if "CI" in os.environ else int.from_bytes(os.urandom(4), "little")
    outcome = run(seed, SECONDS, plain_environment())
    if isinstance(outcome, Failure):
        pytest.fail(outcome.report())


def test_the_same_cases_every_time() -> None:
    outcome = run(0, 600, plain_environment(), most_cases=60)
    assert outcome == 60, outcome.report() if isinstance(outcome, Failure) else outcome


def test_a_case_without_an_end_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fuzz").mkdir()
    (tmp_path / "fuzz" / "worker.py").write_text("import time; print(7, flush=True); time.sleep(1000)")
    monkeypatch.setattr("fuzz.supervisor.TESTS", tmp_path)
    monkeypatch.setattr("fuzz.supervisor.HANG", 1.0)
    outcome = run(7, 60, {**os.environ, "PYTHONPATH": ""}, most_cases=10)
    assert isinstance(outcome, Failure)
    assert (outcome.seed, outcome.reason) == (7, "no end after 1 s")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print(7); raise ValueError('wrong')", "failed with exit code 1"),
        ("import os, signal; print(7, flush=True); os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
        ("import sys; print(7); print('done'); print('a.h:3: runtime error: shift', file=sys.stderr)", "a sanitizer"),
    ],
)
def test_failures_are_found(code: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fuzz").mkdir()
    (tmp_path / "fuzz" / "worker.py").write_text(code)
    monkeypatch.setattr("fuzz.supervisor.TESTS", tmp_path)
    outcome = run(7, 60, {**os.environ, "PYTHONPATH": ""}, most_cases=10)
    assert isinstance(outcome, Failure)
    assert (outcome.seed, outcome.reason[: len(reason)]) == (7, reason)
    assert "--seed 7 --cases 1" in outcome.report()
