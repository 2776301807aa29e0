"""`spp-ops benchmark op`: contests of the operator and its peers on the workloads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from spp_ops.benchmarks import harness
from spp_ops.benchmarks.cases import CASES, SEED, Workload
from spp_ops.benchmarks.check import DisagreementError, check
from spp_ops.benchmarks.peers import OTHERS, OURS, PEERS, Pass, Run
from spp_ops.benchmarks.results import Contest, Record, describe_run

DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "float16", "bfloat16")}


@dataclass(frozen=True)
class Options:
    """What is measured, and how long.

    Attributes:
        cases: names of workloads.
        peers: names of others to measure ours against.
        passes: which parts of the work.
        dtypes: of the features, by PyTorch's names.
        rounds: turns that every contestant has.
        device: where.
        seed: of maps and boxes.
        keep_memory: whether freed memory stays with the process.
    """

    cases: tuple[str, ...] = tuple(CASES)
    peers: tuple[str, ...] = tuple(OTHERS)
    passes: tuple[Pass, ...] = tuple(Pass)
    dtypes: tuple[str, ...] = ("float32",)
    rounds: int = harness.ROUNDS
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seed: int = SEED
    keep_memory: bool = True

    def __post_init__(self) -> None:
        for name, given, known in (
            ("cases", self.cases, list(CASES)),
            ("peers", self.peers, list(OTHERS)),
            ("dtypes", self.dtypes, list(DTYPES)),
        ):
            unknown = [item for item in given if item not in known]
            if unknown:
                raise ValueError(f"{name}: unknown {unknown[0]!r}, expected some of {', '.join(known)}")
        if self.rounds < 1:
            raise ValueError(f"rounds: expected at least 1, got {self.rounds}")


def run(options: Options, progress: Callable[[str], None] = lambda _: None) -> Record:
    """Hold every contest."""
    kept = options.keep_memory and harness.keep_freed_memory()
    contests = []
    for case in options.cases:
        for dtype in options.dtypes:
            work = CASES[case].draw(DTYPES[dtype], options.device, seed=options.seed)
            for timed in options.passes:
                contest = hold(work, timed, options, progress)
                if contest.seconds:
                    contests.append(contest)
    return Record(describe_run(options.device, kept), contests)


def hold(work: Workload, timed: Pass, options: Options, progress: Callable[[str], None] = lambda _: None) -> Contest:
    """Hold one contest: the peers that can do the work, those whose numbers are right, their times."""
    dtype = str(work.dtype).removeprefix("torch.")
    label = f"{work.case.name} {timed.value} {dtype}"
    runs: dict[str, Run] = {}
    contest = Contest(work.case.name, timed.value, dtype, seconds={})
    for name in (*OURS, *options.peers):
        peer = PEERS[name]
        if timed not in peer.passes:
            continue
        reason = peer.missing() or peer.declines(work)
        if reason:
            contest.left_out[name] = reason
            continue
        progress(f"{label}: checking {name}")
        try:
            contest.checks[name] = check(peer, work, timed, ours=OURS["ours"])
        except DisagreementError as error:
            contest.disagreements[name] = str(error)
            continue
        runs[name] = peer.run(work, timed)
    contest.seconds.update(
        harness.take_turns(runs, work.device, options.rounds, lambda name: progress(f"{label}: timing {name}"))
    )
    return contest


def turns(options: Options) -> int:
    """Return how often `run` calls `progress`, at most."""
    contests = len(options.cases) * len(options.dtypes) * len(options.passes)
    contestants = len(OURS) + len(options.peers)
    return contests * contestants * (options.rounds + 2)
