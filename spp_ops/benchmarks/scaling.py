"""`spp-ops benchmark scaling`: how time grows with windows, channels, maps, windows' sizes, threads and bins.

Each sweep varies one thing of MAIN. All its points take turns in the same rounds, so that a slow spell of the machine
bends no curve; a straight line through a round's times on log-log axes gives a slope: 1 is linear, 0 is flat.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

import torch
from torch import Tensor

from spp_ops.benchmarks import harness
from spp_ops.benchmarks.cases import CASES, STRIDE, Case
from spp_ops.benchmarks.peers import PEERS, READINGS, Pass, Run
from spp_ops.benchmarks.results import (
    FORMAT,
    Ratio,
    describe_run,
    read_record,
    require_positive,
    require_same_machine,
    require_texts,
)
from spp_ops.engine.files import write_json

MAIN = CASES["MAIN"]
FLAT_FROM = 20  # cells a side: larger windows should cost no more


@dataclass(frozen=True)
class Sweep:
    """MAIN with one thing varied.

    Attributes:
        axis: what x counts.
        points: x and the case there.
        threads: whether x is the number of threads.
        beside: names of contestants that always take part.
    """

    name: str
    axis: str
    points: list[tuple[int, Case]]
    threads: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Curve:
    """Seconds of a contestant at each x of a sweep, a number a round."""

    sweep: str
    axis: str
    name: str
    x: list[int]
    seconds: list[list[float]]

    def __post_init__(self) -> None:
        require_texts(self.sweep, self.axis, self.name)
        require_positive(self.x)
        if len(self.x) < 2 or len(self.seconds) != len(self.x):
            raise TypeError(f"expected seconds at two or more x, got {len(self.seconds)} at {len(self.x)}")
        for rounds in self.seconds:
            require_positive(rounds)

    @property
    def medians(self) -> list[float]:
        """Median seconds at each x."""
        return [median(rounds) for rounds in self.seconds]

    def slope(self) -> Ratio:
        """Return the slope on log-log axes: median and quartiles of the rounds' own."""
        return Ratio.of([_slope(self.x, list(of_round)) for of_round in zip(*self.seconds, strict=True)])

    def range_from(self, x: int) -> float:
        """Return the longest time over the shortest from that x on."""
        times = [time for at, time in zip(self.x, self.medians, strict=True) if at >= x]
        return max(times) / min(times)


@dataclass(frozen=True)
class ScalingRecord:
    """A run of `spp-ops benchmark scaling`."""

    machine: dict[str, Any]
    curves: list[Curve]
    format: int = FORMAT

    def curve(self, sweep: str, name: str = "ours") -> Curve | None:
        """Return a contestant's curve, None if it was not measured."""
        return next((curve for curve in self.curves if (curve.sweep, curve.name) == (sweep, name)), None)

    def added_to(self, path: Path) -> ScalingRecord:
        """Return the record stored there with this one's sweeps put into it; this one where none is stored.

        Raises:
            ValueError: the file is something else, or of another machine.
        """
        if not path.exists():
            return self
        stored = ScalingRecord.load(path)
        require_same_machine(path, stored.machine, self.machine)
        measured = {curve.sweep for curve in self.curves}
        return replace(self, curves=[c for c in stored.curves if c.sweep not in measured] + self.curves)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, asdict(self))

    @staticmethod
    def load(path: Path) -> ScalingRecord:
        """Read what `save` wrote.

        Raises:
            ValueError: the file is something else.
        """
        content = read_record(path)
        try:
            return ScalingRecord(content["machine"], [Curve(**curve) for curve in content["curves"]])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: expected a record of `spp-ops benchmark scaling`, got other JSON") from error


def sweeps() -> dict[str, Sweep]:
    """Return all sweeps by name."""
    windows = [500, 1000, 2000, 5000, 10000, 20000, 50000]
    channels = [16, 32, 64, 128, 256, 512, 1024]
    map_sides = [(20, 30), (40, 60), (60, 90), (80, 120), (120, 180), (160, 240)]
    sides = [2, 4, 6, 8, 12, 16, FLAT_FROM, 28, 40, 56, 80, 100]
    levels: list[tuple[int, ...]] = [(1,), (2, 1), (3, 2, 1), (4, 2, 1), (6, 3, 2, 1), (8, 4, 2, 1), (12, 6, 3, 2, 1)]
    found = [
        Sweep("windows", "windows", [(n, replace(MAIN, windows=n)) for n in windows]),
        Sweep("channels", "channels", [(n, replace(MAIN, channels=n)) for n in channels]),
        Sweep("map size", "cells of the map", [(h * w, _on_map(h, w)) for h, w in map_sides]),
        Sweep(
            "window size",
            "cells a side of the window",
            [(side, _square_windows(side)) for side in sides],
            beside=tuple(READINGS),
        ),
        Sweep(
            "bins", "bins of all levels", [(sum(n * n for n in some), replace(MAIN, levels=some)) for some in levels]
        ),
        Sweep("threads", "threads", [(n, MAIN) for n in _thread_counts()], threads=True),
    ]
    return {sweep.name: sweep for sweep in found}


def run(
    names: Sequence[str],
    peers: Sequence[str] = (),
    rounds: int = harness.ROUNDS,
    device: torch.device | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> ScalingRecord:
    """Measure the sweeps of these names: ours, the write floor and the peers.

    Raises:
        ValueError: there is no such sweep or peer.
    """
    device = torch.device("cpu") if device is None else device
    known = sweeps()
    for argument, given, expected in (("sweeps", names, known), ("peers", peers, PEERS)):
        unknown = [name for name in given if name not in expected]
        if unknown:
            raise ValueError(f"{argument}: unknown {unknown[0]!r}, expected some of {', '.join(expected)}")
    kept = harness.keep_freed_memory()
    curves: list[Curve] = []
    with harness.threads(torch.get_num_threads()):
        for name in names:
            curves += _curves(known[name], ["ours", "floor", *known[name].beside, *peers], rounds, device, progress)
    return ScalingRecord(describe_run(device, kept), curves)


def turns(names: Sequence[str], peers: Sequence[str], rounds: int) -> int:
    """Return how often `run` calls `progress`, at most."""
    chosen = [sweeps()[name] for name in names]
    return sum(len(sweep.points) * (len(peers) + len(sweep.beside) + 2) for sweep in chosen) * (rounds + 1)


def _curves(
    sweep: Sweep, names: list[str], rounds: int, device: torch.device, progress: Callable[[str], None]
) -> list[Curve]:
    runs: dict[tuple[str, int], Run] = {}
    memory = torch.zeros(max(case.rows * case.columns for _, case in sweep.points), device=device)
    for x, case in sweep.points:
        work = case.draw(device=device, output=memory[: case.rows * case.columns].view(case.rows, case.columns))
        for name in names:
            peer = PEERS[name]
            if Pass.FORWARD not in peer.passes or peer.missing() or peer.declines(work):
                continue
            ready = peer.run(work, Pass.FORWARD)
            runs[name, x] = _on_threads(ready, x) if sweep.threads else ready
    labels = {f"{sweep.name} {x:,}: {name}": (name, x) for name, x in runs}
    seconds = harness.take_turns({label: runs[key] for label, key in labels.items()}, device, rounds, progress)
    by_key = {labels[label]: times for label, times in seconds.items()}
    curves = []
    for name in names:
        measured = [x for x, _ in sweep.points if (name, x) in by_key]
        if measured:
            curves.append(Curve(sweep.name, sweep.axis, name, measured, [by_key[name, x] for x in measured]))
    return curves


def _on_threads(run: Run, count: int) -> Run:
    def before() -> Any:
        torch.set_num_threads(count)
        return run.before()

    return replace(run, before=before)


def _on_map(height: int, width: int) -> Case:
    """MAIN's windows on a map of another size."""
    return replace(MAIN, image=(width * STRIDE, height * STRIDE), maps=((height, width),))


def _square_windows(side: int) -> Case:
    """MAIN's channels and levels, windows of side x side cells anywhere on a map of 100 x 100."""
    cells = 100

    def boxes(image: tuple[int, int], count: int, generator: torch.Generator) -> Tensor:
        low = torch.randint(0, cells - side + 1, (count, 2), generator=generator)
        return torch.cat([low, low + side - 1], 1).double() * STRIDE

    return replace(MAIN, image=(cells * STRIDE, cells * STRIDE), maps=((cells, cells),), boxes=boxes)


def _thread_counts() -> list[int]:
    """Return powers of two up to the processors there are, and their number."""
    cores = os.cpu_count() or 1
    return sorted({*(2**k for k in range(int(math.log2(cores)) + 1)), cores})


def _slope(x: list[int], times: list[float]) -> float:
    if len(x) < 2:
        return math.nan
    return linear_regression([math.log(at) for at in x], [math.log(time) for time in times]).slope
