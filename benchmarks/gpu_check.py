"""All that waits for a GPU: tests, compute-sanitizer, benchmarks; one record and one report (``make gpu-check``).

Writes gpu.json and gpu.md under benchmarks/results, after every step, and what the steps print beside them. A step that
fails stops none of the others. With ``--steps`` only some are made: the others stand as an earlier run on the same
machine left them, so that all may be done in several goes. The exit code is 0 only if every step was made and passed
and every bar is kept, 2 where there is no GPU or no CUDA build.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

import spp_ops
from benchmarks.gpu_report import markdown
from benchmarks.gpu_speed import bars, speed
from benchmarks.gpu_steps import ROOT, StepError, agreement, graph_replay, sanitizer, tests
from spp_ops.engine.files import atomic_write, write_json
from spp_ops.engine.machine import describe_machine

RESULTS = ROOT / "benchmarks" / "results"
STEPS = ("tests", "memcheck", "racecheck", "CUDA graph", "torchvision agrees", "speed")

Step = Callable[[], Any]


def steps(out: Path) -> dict[str, Step]:
    """Every step by name; the result of "speed" is what it measured, of the others a line."""
    makers: dict[str, Step] = {
        "tests": partial(tests, out / "gpu_tests.log"),
        "memcheck": partial(sanitizer, "memcheck", out / "gpu_memcheck.log"),
        "racecheck": partial(sanitizer, "racecheck", out / "gpu_racecheck.log"),
        "CUDA graph": graph_replay,
        "torchvision agrees": agreement,
        "speed": speed,
    }
    return {name: makers[name] for name in STEPS}


def start_record(path: Path, machine: dict[str, Any]) -> dict[str, Any]:
    """Return the record that is there, if it is of the same machine and versions, else one of nothing done."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if record["machine"] == machine and list(record["steps"]) == list(STEPS):
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {"date": "", "passed": False, "machine": machine, "steps": dict.fromkeys(STEPS), "bars": [], "speed": None}


def make_step(name: str, step: Step, record: dict[str, Any]) -> None:
    """Make a step and enter its result; whatever goes wrong is a result."""
    sys.stderr.write(f"gpu-check: {name} ...\n")
    begun = time.perf_counter()
    passed, result = True, ""
    if name == "speed":
        record["speed"] = None
    try:
        made = step()
        result = made if isinstance(made, str) else "measured"
        if name == "speed":
            record["speed"] = made
    except Exception as error:  # one step must not cost the results of the others
        kind = "" if isinstance(error, StepError) else f"{type(error).__name__}: "
        passed, result = False, f"{kind}{str(error).strip() or 'no message'}".splitlines()[0]
    seconds = round(time.perf_counter() - begun, 1)
    record["steps"][name] = {"passed": passed, "result": result, "seconds": seconds}
    sys.stderr.write(f"gpu-check: {name}: {'passed' if passed else 'FAILED'}, {result} ({seconds:.0f} s)\n")


def save(record: dict[str, Any], out: Path) -> str:
    """Judge what is there, write record and report, and return the report."""
    kept = bars(record["speed"])
    record["date"] = time.strftime("%Y-%m-%d")
    record["bars"] = [asdict(bar) for bar in kept]
    made = record["steps"].values()
    record["passed"] = all(step is not None and step["passed"] for step in made) and all(bar.kept for bar in kept)
    write_json(out / "gpu.json", record)
    report = markdown(record)
    with atomic_write(out / "gpu.md") as temporary:
        temporary.write_text(report, encoding="utf-8")
    return report


def main(arguments: list[str] | None = None) -> int:
    """Make the steps, write record and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for gpu.json, gpu.md and what steps print")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, help="make these only")
    chosen = parser.parse_args(arguments)
    if not torch.cuda.is_available() or not spp_ops.build_info()["cuda"]:
        missing = "a build with CUDA (SPP_OPS_CUDA=1)" if torch.cuda.is_available() else "a GPU that torch can use"
        sys.stderr.write(f"gpu-check: needs {missing}\n")
        return 2
    out = chosen.out.resolve()  # steps run in other folders
    record = start_record(out / "gpu.json", describe_machine(torch.device("cuda")))
    for name, step in steps(out).items():
        if name in chosen.steps:
            make_step(name, step, record)
            save(record, out)
    sys.stdout.write(save(record, out))
    return 0 if record["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
