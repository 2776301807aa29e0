"""What the operator takes on a GPU beside torchvision and the copy bandwidth: the measurements, and the promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from torch.nn.functional import adaptive_max_pool2d

from benchmarks.gpu_timing import captured, copy_bandwidth, peak_bytes, take_turns
from spp_ops.benchmarks.cases import CASES, Workload
from spp_ops.benchmarks.peers import PEERS, Pass, Run

CONTESTED = ("MAIN", "SMALL", "BATCH", "LARGE", "WHOLE", "FIVE", "ONE")
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
PEER_OF = {"spp_ops": "ours", "torchvision": "torchvision"}

Measured = Mapping[str, Any]  # what `speed` returns, or its JSON


@dataclass(frozen=True)
class Contest:
    """Contestants that took turns at one piece of work."""

    case: str
    dtype: str
    timed: str
    floor: float  # microseconds: the output written once at copy bandwidth
    microseconds: dict[str, list[float]]


@dataclass(frozen=True)
class Bar:
    """A promise, what was measured, and whether that keeps it."""

    promise: str
    measured: str
    kept: bool


def speed(device: str = "cuda") -> dict[str, Any]:
    """Time every pass of every case, MAIN in all types, and take the peak memory of MAIN's forward and backward."""
    bandwidth = copy_bandwidth()
    found = []
    for name in CONTESTED:
        for dtype_name, dtype in DTYPES.items():
            if dtype_name != "float32" and name != "MAIN":
                continue
            work = CASES[name].draw(dtype, device)
            floor = work.output.numel() * work.output.element_size() / bandwidth * 1e6
            for timed in Pass:
                micros = take_turns(contestants(work, timed))
                found.append(asdict(Contest(name, dtype_name, timed.value, floor, micros)))
    main = CASES["MAIN"].draw(device=device)
    peaks = {name: peak_bytes(PEERS[peer].run(main, Pass.TRAINING)) for name, peer in PEER_OF.items()}
    return {"copy_bytes_a_second": bandwidth, "contests": found, "peak_bytes": peaks}


def contestants(work: Workload, timed: Pass) -> dict[str, Run]:
    """What takes part in a pass, by name."""
    runs = {name: PEERS[peer].run(work, timed) for name, peer in PEER_OF.items() if not PEERS[peer].declines(work)}
    if timed is Pass.FORWARD:
        ours = runs["spp_ops"]
        graph, _ = captured(lambda: ours.call(ours.before()))
        runs["spp_ops graph"] = Run(lambda _: graph.replay())
        runs["fill_"] = Run(lambda _: work.output.fill_(0))
        runs |= rivals(work)
    else:
        runs["spp_ops deterministic"] = deterministic(runs["spp_ops"])
    return runs


def rivals(work: Workload) -> dict[str, Run]:
    """What else forward is held against: whole maps by one adaptive pool a level, one window by one of four calls."""
    if work.case.whole:

        def adaptive(_: Any) -> torch.Tensor:
            return torch.cat([adaptive_max_pool2d(work.maps[0], level).flatten(1) for level in work.levels], 1)

        return {
            "spp_ops whole maps": PEERS["ours-fresh"].run(work, Pass.FORWARD),
            "adaptive": Run(adaptive),
            "adaptive, channels-last": PEERS["adaptive"].run(work, Pass.FORWARD),
        }
    one_call = PEERS["torchvision-one-call"]
    return {} if one_call.declines(work) else {one_call.name: one_call.run(work, Pass.FORWARD)}


def deterministic(run: Run) -> Run:
    """Make the same calls under torch.use_deterministic_algorithms."""

    def call(prepared: Any) -> Any:
        torch.use_deterministic_algorithms(True)
        try:
            return run.call(prepared)
        finally:
            torch.use_deterministic_algorithms(False)

    return Run(call, run.before, run.tensors)


def bars(measured: Measured | None) -> list[Bar]:
    """The project's promises for one GPU, on MAIN where no other work is named; what was not measured is not kept."""
    contests = {(c["case"], c["dtype"], c["timed"]): c for c in (measured or {}).get("contests", [])}

    def micros(dtype: str, timed: Pass, name: str, case: str = "MAIN") -> float:
        return median(contests[case, dtype, timed.value]["microseconds"][name])

    def speedup(timed: Pass) -> float:
        return micros("float32", timed, "torchvision") / micros("float32", timed, "spp_ops")

    def above_floor() -> float:
        return micros("float32", Pass.FORWARD, "spp_ops") / float(contests["MAIN", "float32", "forward"]["floor"])

    def gain_of_16_bits() -> float:
        return micros("float32", Pass.FORWARD, "spp_ops") / micros("bfloat16", Pass.FORWARD, "spp_ops")

    def price_of_order() -> float:
        ours = {kind: micros("float32", Pass.BACKWARD, f"spp_ops{kind}") for kind in ("", " deterministic")}
        return ours[" deterministic"] / ours[""]

    def against_one_call() -> float:
        ours, one_call = (micros("float32", Pass.FORWARD, name, "ONE") for name in ("spp_ops", "torchvision-one-call"))
        return ours / one_call

    def against_adaptive() -> float:
        others = [micros("float32", Pass.FORWARD, name, "WHOLE") for name in ("adaptive", "adaptive, channels-last")]
        return min(others) / micros("float32", Pass.FORWARD, "spp_ops whole maps", "WHOLE")

    def share_of_memory() -> float:
        peaks = (measured or {})["peak_bytes"]
        return float(peaks["spp_ops"]) / float(peaks["torchvision"])

    return [
        judge("forward at least 8 x torchvision", lambda: speedup(Pass.FORWARD), least=8),
        judge("forward within 3 x of writing the output once", above_floor, most=3),
        judge("forward + backward at least 6 x torchvision", lambda: speedup(Pass.TRAINING), least=6),
        judge("bfloat16 forward at least 1.6 x float32", gain_of_16_bits, least=1.6),
        judge("deterministic backward at most 2 x the default's time", price_of_order, most=2),
        judge("one window (ONE) at most the time of one of torchvision's four calls", against_one_call, most=1),
        judge("whole maps (WHOLE) at least 3 x adaptive_max_pool2d a level + cat", against_adaptive, least=3),
        judge("peak memory of forward + backward at most 0.6 x torchvision's", share_of_memory, most=0.6),
    ]


def judge(promise: str, ratio: Callable[[], float], least: float = 0.0, most: float = float("inf")) -> Bar:
    """Hold a ratio to its limits."""
    try:
        found = ratio()
    except KeyError:
        return Bar(promise, "not measured", False)
    return Bar(promise, f"{found:.2f} x", least <= found <= most)
