"""What `make gpu-check` does with what it measures, and every step of it, where there is no GPU."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from spp_ops.benchmarks.cases import Case
from spp_ops.benchmarks.peers import Run

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("gpu_check", "gpu_report", "gpu_small_list", "gpu_speed", "gpu_steps", "gpu_timing")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports the scripts, which are no package, by name."""
    monkeypatch.syspath_prepend(str(ROOT))
    yield lambda name: importlib.import_module(f"benchmarks.{name}")
    for name in MODULES:
        sys.modules.pop(f"benchmarks.{name}", None)


class FakeEvent:
    """Times of 1, 2, 3, ... milliseconds."""

    count = 0.0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None: ...

    def elapsed_time(self, end: FakeEvent) -> float:
        FakeEvent.count += 1
        return FakeEvent.count


class FakeGraph:
    def __init__(self, call: Callable[[], Any]) -> None:
        self.call, self.result = call, call()

    def replay(self) -> None:
        for mine, new in zip(self.result, self.call(), strict=True):
            mine.copy_(new.clone())


@pytest.fixture
def no_device(monkeypatch: pytest.MonkeyPatch, small_cases: dict[str, Case], gpu: Callable[[str], ModuleType]) -> None:
    """The work on the CPU and small; stand-ins for what only a GPU has."""

    def captured(call: Callable[[], Any]) -> tuple[FakeGraph, Any]:
        graph = FakeGraph(call)
        return graph, graph.result

    for name in ("_sleep", "synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: None)
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 10)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 30)
    for name in ("gpu_steps", "gpu_speed"):
        monkeypatch.setattr(gpu(name), "captured", captured)
    monkeypatch.setattr(gpu("gpu_speed"), "copy_bandwidth", lambda: 4e12)


def contest(dtype: str, timed: str, case: str = "MAIN", **micros: float) -> dict[str, Any]:
    named = {name.replace("_", " ").replace("spp ops", "spp_ops"): [us] * 3 for name, us in micros.items()}
    return {"case": case, "dtype": dtype, "timed": timed, "floor": 24.0, "microseconds": named}


WHOLE = {"spp_ops whole maps": 10.0, "adaptive": 31.0, "adaptive, channels-last": 40.0}


def figures() -> dict[str, Any]:
    """Such as keep every bar, by a little."""
    return {
        "copy_bytes_a_second": 4.3e12,
        "contests": [
            contest("float32", "forward", spp_ops=70, torchvision=570),
            contest("float32", "forward+backward", spp_ops=200, torchvision=1210),
            contest("float32", "backward", spp_ops=100, torchvision=900, spp_ops_deterministic=198),
            contest("bfloat16", "forward", spp_ops=43),
            contest("float32", "forward", "ONE", spp_ops=9, **{"torchvision-one-call": 10.0}),
            contest("float32", "forward", "WHOLE", **WHOLE),
        ],
        "peak_bytes": {"spp_ops": 590, "torchvision": 1000},
    }


# One figure for each bar, in the order of the bars: contest, contestant, and a number that misses it.
SPOILT = [(0, "torchvision", 550), (0, "spp_ops", 73), (1, "torchvision", 1190), (3, "spp_ops", 45)]
SPOILT += [(2, "spp_ops deterministic", 202), (4, "spp_ops", 11), (5, "adaptive, channels-last", 29)]


def test_bars_are_kept_or_missed_one_by_one(gpu: Callable[[str], ModuleType]) -> None:
    bars = gpu("gpu_speed").bars
    assert [bar.kept for bar in bars(figures())] == [True] * 8
    for number, (which, name, us) in enumerate(SPOILT):
        spoilt = figures()
        spoilt["contests"][which]["microseconds"][name] = [us] * 3
        if name == "spp_ops" and which == 0:  # which is half of other ratios too
            spoilt["contests"][0]["microseconds"]["torchvision"] = [us * 9] * 3
        missed = [place for place, bar in enumerate(bars(spoilt)) if not bar.kept]
        assert missed == [number]
    spoilt = figures()
    spoilt["peak_bytes"]["spp_ops"] = 610
    assert [bar.kept for bar in bars(spoilt)] == [True] * 7 + [False]


def test_what_was_not_measured_is_not_kept(gpu: Callable[[str], ModuleType]) -> None:
    bars = gpu("gpu_speed").bars
    assert all((bar.measured, bar.kept) == ("not measured", False) for bar in bars(None))
    part = figures()
    del part["contests"][0]["microseconds"]["torchvision"], part["contests"][3]
    assert [bar.measured == "not measured" for bar in bars(part)] == [True, False, False, True, *[False] * 4]


@pytest.mark.usefixtures("no_device")
def test_every_measurement(gpu: Callable[[str], ModuleType]) -> None:
    measured = json.loads(json.dumps(gpu("gpu_speed").speed("cpu")))
    # Seven cases in float32, one in two more types, three passes each.
    assert len(measured["contests"]) == (7 + 2) * 3
    names = {c["timed"]: set(c["microseconds"]) for c in measured["contests"] if c["case"] == "MAIN"}
    assert {"spp_ops", "spp_ops graph", "fill_"} <= names["forward"]
    assert "spp_ops deterministic" in names["backward"] & names["forward+backward"]
    assert "not measured" not in {bar.measured for bar in gpu("gpu_speed").bars(measured)}


@pytest.mark.usefixtures("no_device")
def test_the_clock_runs_for_the_calls_alone(gpu: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    monkeypatch.setattr(FakeEvent, "record", lambda _: log.append("clock"))
    gpu("gpu_timing").measure(Run(lambda _: log.append("call"), before=lambda: log.append("before")))
    calls = gpu("gpu_timing").CALLS
    assert log[-calls - 2 :] == ["clock", *["call"] * calls, "clock"]
    assert log.count("before") == log.count("call")


@pytest.mark.usefixtures("no_device")
def test_steps_that_compare(gpu: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    steps = gpu("gpu_steps")
    assert steps.agreement("cpu") == "equal values, gradients but for the order of sums"
    assert steps.graph_replay("cpu") == "equal to plain calls"
    assert not torch.are_deterministic_algorithms_enabled()
    monkeypatch.setattr(FakeGraph, "replay", lambda _: None)
    with pytest.raises(steps.StepError, match="differs from a plain call"):
        steps.graph_replay("cpu")
    monkeypatch.setitem(steps.PEERS, "torchvision", steps.PEERS["roi_align"].__class__())
    monkeypatch.setattr(steps.PEERS["torchvision"].__class__, "agreement", steps.PEERS["ours"].agreement)
    with pytest.raises(steps.StepError, match=r"MAIN forward: .* values differ from ours"):
        steps.agreement("cpu")


def test_a_program_leaves_its_last_line_and_a_log(gpu: Callable[[str], ModuleType], tmp_path: Path) -> None:
    steps = gpu("gpu_steps")
    log = tmp_path / "logs" / "x.log"
    program = "import os, spp_ops; print('one'); print(os.environ['GIVEN'])"
    assert steps.run_command(log, [sys.executable, "-c", program], GIVEN="two") == "two"
    assert log.read_text() == "one\ntwo\n"
    with pytest.raises(steps.StepError, match=r"exit code 3: no output \(see x.log\)"):
        steps.run_command(log, [sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize("option", ["--kernel-regex", "--kernel-name", "--other"])
def test_compute_sanitizer(
    gpu: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    program = tmp_path / "compute-sanitizer"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --help ]; then echo "{option} arg"; exit; fi\n'
        'echo "$PYTORCH_NO_CUDA_MEMORY_CACHING $@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    said = gpu("gpu_steps").sanitizer("racecheck", tmp_path / "log")
    assert said.startswith("1 --tool racecheck --error-exitcode 1")
    assert said.endswith("gpu_small_list.py")
    assert (f"{option} kns=spp" in said) == (option != "--other")


def test_a_missing_compute_sanitizer_is_a_failure(
    gpu: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = gpu("gpu_steps")
    monkeypatch.setattr(steps.shutil, "which", lambda *_, **__: None)
    with pytest.raises(steps.StepError, match="compute-sanitizer is not installed"):
        steps.sanitizer("memcheck", tmp_path / "log")


@pytest.fixture
def check(
    gpu: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, dict[str, Any], str]]:
    """Runs the whole of it with other steps, and returns exit code, record and report."""
    script = gpu("gpu_check")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(script.spp_ops, "build_info", lambda: {"cuda": "13.0"})
    machine = {"device": "a GPU", "torch": "2.11.0", "cuda": "13.0", "version": "0.1.0"}
    monkeypatch.setattr(script, "describe_machine", lambda _: deepcopy(machine))

    def run(steps: dict[str, Any], *arguments: str) -> tuple[int, dict[str, Any], str]:
        monkeypatch.setattr(script, "steps", lambda _: {name: steps[name] for name in script.STEPS})
        code = script.main(["--out", str(tmp_path), *arguments])
        return code, json.loads((tmp_path / "gpu.json").read_text()), (tmp_path / "gpu.md").read_text()

    return run


def passing(gpu: Callable[[str], ModuleType]) -> dict[str, Any]:
    return {name: (lambda: "fine") for name in gpu("gpu_check").STEPS} | {"speed": figures}


def broken() -> str:
    raise RuntimeError("CUDA error: an illegal | memory access\nmore lines")


def test_all_passes(gpu: Callable[[str], ModuleType], check: Callable[..., Any]) -> None:
    code, record, report = check(passing(gpu))
    assert (code, record["passed"]) == (0, True)
    assert report.startswith("# GPU check: passed\n\na GPU; torch 2.11.0, CUDA 13.0, spp_ops 0.1.0; ")
    assert "| forward at least 8 x torchvision | 8.14 x | kept |" in report
    assert "| MAIN | float32 | forward | torchvision | 570.0 | 570.0 to 570.0 | 23.75 |" in report


@pytest.mark.parametrize("bad", ["tests", "memcheck", "racecheck", "CUDA graph", "torchvision agrees", "speed"])
def test_a_step_that_breaks_stops_no_other(
    gpu: Callable[[str], ModuleType], check: Callable[..., Any], bad: str
) -> None:
    code, record, report = check(passing(gpu) | {bad: broken})
    assert (code, record["passed"]) == (1, False)
    assert {name for name, step in record["steps"].items() if not step["passed"]} == {bad}
    assert record["steps"][bad]["result"] == "RuntimeError: CUDA error: an illegal | memory access"
    assert report.startswith("# GPU check: FAILED")
    assert f"| {bad} | RuntimeError: CUDA error: an illegal \\| memory access (0 s) | FAILED |" in report
    assert (record["speed"] is None) == (bad == "speed")


def test_a_missed_bar_is_a_failure(gpu: Callable[[str], ModuleType], check: Callable[..., Any]) -> None:
    slow = figures()
    slow["peak_bytes"]["spp_ops"] = 700
    code, record, report = check(passing(gpu) | {"speed": lambda: slow})
    assert (code, record["passed"]) == (1, False)
    assert "| 0.70 x | MISSED |" in report


def test_several_goes_make_one_record(gpu: Callable[[str], ModuleType], check: Callable[..., Any]) -> None:
    names = gpu("gpu_check").STEPS
    steps = passing(gpu)
    code, record, report = check(steps, "--steps", *names[3:])
    assert (code, record["passed"]) == (1, False)
    assert f"| {names[0]} |  | NOT RUN |" in report
    code, record, _ = check(steps | dict.fromkeys(names[3:], broken), "--steps", *names[:3])
    assert (code, record["passed"]) == (0, True)


def test_another_machine_starts_anew(
    gpu: Callable[[str], ModuleType], check: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(passing(gpu))
    other = {"device": "another GPU", "torch": "2.11.0", "cuda": "13.0", "version": "0.1.0"}
    monkeypatch.setattr(gpu("gpu_check"), "describe_machine", lambda _: other)
    code, record, _ = check(passing(gpu), "--steps", "tests")
    assert code == 1
    assert [step is not None for step in record["steps"].values()] == [True] + [False] * 5


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu(gpu: Callable[[str], ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu("gpu_check").main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "gpu-check: needs a GPU that torch can use\n"
    assert not list(tmp_path.iterdir())


def test_the_small_list_is_right(gpu: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]) -> None:
    gpu("gpu_small_list").main("cpu")
    assert capsys.readouterr().out.count("right: ") == 2 * 8 + 4


@pytest.mark.parametrize(("required", "outcome"), [("0", "2 skipped"), ("1", "2 errors")])
def test_a_required_gpu_that_is_not_there_fails_tests(required: str, outcome: str) -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "SPP_OPS_REQUIRE_GPU": required}
    tests = ["tests/test_forward.py::test_no_images_and_no_channels", "tests/test_bad_rows.py"]
    selection = ["-m", "gpu", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *selection, *tests]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == (required == "1")
    assert outcome in done.stdout, done.stdout[-2000:]


def test_make_uses_a_python_that_sees_a_gpu_as_it_is(tmp_path: Path) -> None:
    log, python = tmp_path / "log", tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$SPP_OPS_CUDA $PYTHONPATH $@" >> {log}\n')
    python.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPP_OPS_CUDA")}
    command = ["make", "-C", str(ROOT), "gpu-check", f"PYTHON={python}", "ARGS=--steps speed"]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    _, build, check = log.read_text().splitlines()
    assert build.split() == ["1", "setup.py", "--quiet", "build_ext", "--inplace"]
    assert check.split() == [str(ROOT), "-m", "benchmarks.gpu_check", "--steps", "speed"]
