"""Writes docs/benchmarks.md from the records in benchmarks/results: `python -m benchmarks.document`.

The page is in ratios; a figure in milliseconds would say more about a machine than about the code.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import document_photos
from benchmarks.markdown import table
from spp_ops.benchmarks import plots
from spp_ops.benchmarks.bars import verdicts
from spp_ops.benchmarks.cases import CASES
from spp_ops.benchmarks.peers import PEERS
from spp_ops.benchmarks.report import machine, quartiles, rows, times
from spp_ops.benchmarks.results import Contest, Peaks, Record
from spp_ops.benchmarks.scaling import ScalingRecord
from spp_ops.engine.files import atomic_write

# The records the page is made of: file, and the arguments of `spp-ops benchmark` that make it. A record grows run by
# run, so that no run takes long; peers that need minutes for a pass over a workload are left out there.
SOURCES = (
    ("op.json", "op --cases MAIN --peers torchvision,openvino,onnxruntime,tables --repeats 5"),
    ("op.json", "op --cases SMALL --peers torchvision,openvino --repeats 5 --no-peaks"),
    ("op.json", "op --cases WHOLE --peers torchvision,openvino,adaptive,adaptive-channels-last --repeats 9 --no-peaks"),
    ("op.json", "op --cases FIVE --peers torchvision --passes forward --repeats 9 --no-peaks"),
    ("op.json", "op --cases BATCH --peers torchvision,openvino --passes forward --repeats 5 --no-peaks"),
    ("op.json", "op --cases LARGE --peers torchvision,openvino,tables --passes forward --repeats 5 --no-peaks"),
    (
        "small.json",
        "op --cases ONE,ONE_MAP --peers torchvision-one-call,adaptive-channels-last --passes forward,forward+backward"
        " --repeats 15 --no-peaks --threads 1",
    ),
    (
        "swap.json",
        "op --cases GRID,PYRAMID --peers torchvision --passes forward,forward+backward --repeats 15 --no-peaks",
    ),
    ("scaling.json", "scaling --repeats 9"),
    ("fresh.json", "op --cases MAIN --peers torchvision --passes forward --return-memory --no-peaks --repeats 5"),
    ("dtypes.json", "op --cases MAIN --peers torchvision --passes forward --dtypes all --no-peaks --repeats 5"),
    (document_photos.RECORD, "detect --threads 1 --repeats 9"),
)

RESULTS, PAGE = Path("benchmarks/results"), Path("docs/benchmarks.md")

INTRODUCTION = """\
# Benchmarks

This page is written by a command; so are all figures on it:

<!-- test: not run, as it takes an hour -->
```sh
{commands}
```

Every figure is a ratio within one run on one machine: contestants take turns in rounds, a ratio is taken in each round,
and the median counts; quartiles say how sure it is. Every contestant's numbers are checked against ours before its
time is taken. Each runs at its best setting: OpenVINO forced to float32 (its default where the processor can is
bfloat16, with errors of whole units) and writing in place, the PyTorch tables in chunks that fit the cache,
`adaptive_max_pool2d` on channels-last maps. Freed memory stays with the process, so that nobody's fresh output costs
page faults, unless a table says otherwise.

Machine: {machine}.
"""

SWAP = """\
## One level alone

What `spp_ops.compat` puts in place of one call of torchvision's `roi_pool`, and of a call for each map of a
feature pyramid ([coming from torchvision](coming_from/torchvision.md)).
"""

SMALL = """\
## Small calls

One window, and one whole map, of 16 channels: the time is that of the call, not of the work. Measured by itself, on
one thread: {machine}.
"""

FRESH = """\
## What fresh memory costs

With the C library's defaults, the memory of a large output goes back to the system when it is freed, and the next
output page-faults its way in (`floor-fresh`). That costs more than the pooling. The operator asks for huge pages for
what it allocates itself (`ours-fresh`); `out=`, into memory you keep, costs nothing.
"""

PEAKS = """\
## Peak memory of forward and backward

What comes after the pooling decides what must be kept: with the gradient given, nothing of the pooled features; a
fully connected layer (`linear`) keeps them until its own backward, where they and their gradient are alive together,
whoever pooled.
"""

SCALING = """
## Scaling

Slopes on log-log axes: 1 is linear, 0 is flat. Where the smallest output of a sweep stays in a cache and the largest
does not, time grows faster than the work, and so does the floor's, which does nothing but write: its slope stands
beside ours. `ours-cells` and `ours-tables` are forced to read bins cell by cell, or from range-maximum tables; `ours`
chooses.
"""

COMPARING = """\
## Has my change made it slower?

<!-- test: not run, as it takes minutes -->
```sh
spp-ops benchmark op --peers torchvision --baseline benchmarks/results/op.json
spp-ops benchmark compare benchmarks/results/op.json new.json
```

Times are not compared, but ratios to the write floor and to torchvision in the same run, so a baseline serves other
machines of the same kind. The exit code is 1 if one of ours is slower against both, by more than the spread.
"""


def write(results: Path, page: Path) -> None:
    """Write the page, and its images beside the records.

    Args:
        results: the folder of the records that `SOURCES` names; op.json must be there.
        page: the file to write.

    Raises:
        ValueError: a record can't be read.
    """
    record = _load(results / "op.json")
    scaling = ScalingRecord.load(results / "scaling.json") if (results / "scaling.json").exists() else None
    plots.save_contests(results / "op.svg", record)
    if scaling is not None:
        plots.save_scaling(results / "scaling.svg", scaling)
    images = Path(os.path.relpath(results, page.parent))
    names = ("small.json", "swap.json", "fresh.json", "dtypes.json")
    small, swap, fresh, dtypes = (_optional(results / name) for name in names)
    promises = [*verdicts(record, scaling), *verdicts(small)]
    parts = [
        INTRODUCTION.format(commands=_commands(results), machine=machine(record)),
        "## Promises\n",
        *table(
            ("", "measured", ""),
            [(v.promise, v.measured, "kept" if v.kept else "**missed**") for v in promises],
        ),
        f"![ratios]({(images / 'op.svg').as_posix()})\n",
        *_contests(record.contests),
        *(["\n" + SMALL.format(machine=machine(small)), *_contests(small.contests)] if small else []),
        *(["\n" + SWAP, *_contests(swap.contests)] if swap else []),
        *(["\n" + FRESH, *_contests(fresh.contests, ", fresh memory")] if fresh else []),
        *(["## Types\n", *_contests(dtypes.contests)] if dtypes else []),
        *(["\n" + PEAKS, *_peaks(record.peaks)] if record.peaks else []),
        *(_scaling(scaling, images) if scaling else []),
        *document_photos.section(results, images),
        "\n" + COMPARING,
        "## Contestants\n",
        *(f"* `{peer.name}`: {peer.about}." for peer in PEERS.values()),
        "",
    ]
    with atomic_write(page) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")


def _contests(contests: Iterable[Contest], remark: str = "") -> Iterator[str]:
    for contest in contests:
        dtype = "" if contest.dtype == "float32" else f", {contest.dtype}"
        yield f"\n### {contest.case} {contest.timed}{dtype}{remark}\n\n{_capital(CASES[contest.case].about)}.\n"
        lines = [
            (f"`{row.name}`", times(row.to_ours), quartiles(row.to_ours), times(row.to_floor), row.check)
            for row in rows(contest)
        ]
        yield from table(("", "times ours", "quartiles", "times the write floor", "beside ours"), lines)


def _peaks(peaks: Iterable[Peaks]) -> Iterator[str]:
    lines = []
    for peak in peaks:
        whole = peak.mebibytes.get("torchvision")
        lines += [
            (f"{peak.case}, {peak.head}", f"`{name}`", f"{size:.0f}", f"{size / whole:.0%}" if whole else "")
            for name, size in peak.mebibytes.items()
        ]
    yield from table(("", "", "MiB", "of torchvision's"), lines)


def _scaling(record: ScalingRecord, images: Path) -> Iterator[str]:
    yield SCALING
    lines = []
    for curve in record.curves:
        slope = curve.slope()
        ends = f"{curve.x[0]:,} to {curve.x[-1]:,}"
        lines.append((curve.axis, ends, f"`{curve.name}`", f"{slope.median:.3f}", quartiles(slope)))
    yield from table(("", "", "", "slope", "quartiles"), lines)
    yield f"![scaling]({(images / 'scaling.svg').as_posix()})\n"


def _commands(results: Path) -> str:
    made = [
        f"spp-ops benchmark {arguments} --json {name}{' --add' if name == 'op.json' else ''}"
        for name, arguments in SOURCES
        if (results / name).exists()
    ]
    return "\n".join([*made, "python -m benchmarks.document"])


def _load(path: Path) -> Record:
    record = Record.load(path)
    for contest in record.contests:
        if contest.case not in CASES:
            raise ValueError(f"{path}: expected cases out of {', '.join(CASES)}, got {contest.case!r}")
    return record


def _optional(path: Path) -> Record | None:
    return _load(path) if path.exists() else None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def main() -> None:
    """Write the page; exit code 2 and one line where a record can't be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.document", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the records' folder; default: %(default)s")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write; default: %(default)s")
    chosen = parser.parse_args()
    try:
        write(chosen.results, chosen.page)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {chosen.page}")


if __name__ == "__main__":
    main()
