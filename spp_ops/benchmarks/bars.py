"""What the project promises of its speed and memory, in one table, and whether a run keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spp_ops.benchmarks.detect.results import CASE, TIMED, DetectRecord
from spp_ops.benchmarks.peers import Pass
from spp_ops.benchmarks.results import Contest, Record
from spp_ops.benchmarks.scaling import FLAT_FROM, ScalingRecord

FORWARD, TRAINING, BACKWARD = (timed.value for timed in (Pass.FORWARD, Pass.TRAINING, Pass.BACKWARD))


@dataclass(frozen=True)
class Bar:
    """In one contest, ``slower`` takes at least ``factor`` times as long as ``faster``."""

    case: str
    timed: str
    slower: str
    factor: float
    faster: str = "ours"


@dataclass(frozen=True)
class Verdict:
    """A promise, what was measured, and whether that keeps it."""

    promise: str
    measured: str
    kept: bool


SPEED = (
    Bar("MAIN", FORWARD, "torchvision", 50),
    Bar("MAIN", FORWARD, "openvino", 5),
    Bar("MAIN", FORWARD, "floor", 1 / 3),
    Bar("SMALL", FORWARD, "openvino", 4),
    Bar("BATCH", FORWARD, "openvino", 4),
    Bar("LARGE", FORWARD, "openvino", 8),
    Bar("LARGE", FORWARD, "tables", 4),
    Bar("LARGE", FORWARD, "torchvision", 200),
    Bar("WHOLE", FORWARD, "adaptive", 8),
    Bar("WHOLE", FORWARD, "adaptive-channels-last", 8, faster="ours-channels-last"),
    Bar("WHOLE", FORWARD, "openvino", 1),
    Bar("FIVE", FORWARD, "ours-main+maps", 1),
    Bar("MAIN", TRAINING, "torchvision", 12),
    Bar("MAIN", BACKWARD, "torchvision", 3),
    Bar("WHOLE", TRAINING, "adaptive", 4),
    Bar("WHOLE", TRAINING, "adaptive-channels-last", 4, faster="ours-channels-last"),
    Bar("ONE", FORWARD, "torchvision-one-call", 1),
    Bar("ONE", FORWARD, "torchvision-one-call", 1, faster="ours-fresh"),
    Bar("ONE", TRAINING, "torchvision-one-call", 1 / 1.25),
    Bar("ONE_MAP", FORWARD, "adaptive-channels-last", 1, faster="ours-fresh"),
)

PHOTOS = tuple(
    Bar(CASE, TIMED, slower, factor, faster)
    for slower, factor, faster in (
        ("fasterrcnn-mobilenet", 1, "ours"),
        ("ssdlite-mobilenet", 1 / 1.5, "ours"),
        ("ssdlite-mobilenet", 1 / 1.5, "ours-bfloat16"),
        ("ours-opencv-selective-search", 12, "ours"),
        ("ours", 1.5, "ours-openvino"),
    )
)
PHOTO_BYTES = 1e9  # peak memory of `spp-ops detect` on 12 megapixels

MEMORY = 0.60  # of torchvision's peak, with a head that keeps nothing of the pooled features

LINEAR_IN_WINDOWS = 0.05  # how far the slope may be from 1
FLAT_IN_WINDOW_SIZE = 1.5  # longest over shortest time beyond FLAT_FROM cells a side


def verdicts(record: Record | None, scaling: ScalingRecord | None = None) -> list[Verdict]:
    """Judge every promise that these runs measured."""
    found: list[Verdict] = []
    if record is not None:
        found += [*_speed(record), *_memory(record)]
    if scaling is not None:
        found += _scaling(scaling)
    return found


def photo_verdicts(record: DetectRecord) -> list[Verdict]:
    """Judge every promise of seconds and memory a photo that this run measured."""
    found = [verdict for bar in PHOTOS for verdict in _judged(bar, record.contest)]
    if record.peak_bytes is not None:
        promise = f"peak memory of detect on 12 megapixels below {PHOTO_BYTES / 1e6:,.0f} MB"
        found.append(Verdict(promise, f"{record.peak_bytes / 1e6:,.0f} MB", record.peak_bytes < PHOTO_BYTES))
    return found


def _speed(record: Record) -> Iterator[Verdict]:
    for bar in SPEED:
        yield from _judged(bar, record.contest(bar.case, bar.timed))


def _judged(bar: Bar, contest: Contest | None) -> Iterator[Verdict]:
    """The verdict, if both took part."""
    ratio = contest.ratio(bar.slower, bar.faster) if contest else None
    if ratio is not None:
        times = f"{bar.case} {bar.timed}: {bar.slower} at least {bar.factor:.3g} x {bar.faster}"
        within = f"{bar.case} {bar.timed}: {bar.faster} at most {1 / bar.factor:.3g} x {bar.slower}"
        if bar.factor >= 1:
            yield Verdict(times, f"{ratio.median:.3g} x", ratio.median >= bar.factor)
        else:
            yield Verdict(within, f"{1 / ratio.median:.3g} x", ratio.median >= bar.factor)


def _memory(record: Record) -> Iterator[Verdict]:
    for peaks in record.peaks:
        if peaks.head == "gradient" and "ours" in peaks.mebibytes and peaks.mebibytes.get("torchvision"):
            part = peaks.mebibytes["ours"] / peaks.mebibytes["torchvision"]
            promise = f"{peaks.case} peak memory of forward+backward: ours at most {MEMORY:.0%} of torchvision's"
            yield Verdict(promise, f"{part:.0%}", part <= MEMORY)


def _scaling(record: ScalingRecord) -> Iterator[Verdict]:
    windows, size = record.curve("windows"), record.curve("window size")
    if windows is not None:
        slope = windows.slope().median
        promise = f"linear in windows from {windows.x[0]:,} to {windows.x[-1]:,}: slope 1 +- {LINEAR_IN_WINDOWS}"
        yield Verdict(promise, f"{slope:.3f}", abs(slope - 1) <= LINEAR_IN_WINDOWS)
    if size is not None:
        ratio = size.range_from(FLAT_FROM)
        promise = f"flat in window size from {FLAT_FROM} x {FLAT_FROM} cells: within {FLAT_IN_WINDOW_SIZE} x"
        yield Verdict(promise, f"{ratio:.2f} x", ratio <= FLAT_IN_WINDOW_SIZE)
