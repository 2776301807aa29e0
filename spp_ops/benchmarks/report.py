"""The tables of a run, for a terminal; `rows` and its like are what docs/benchmarks.md is made of too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spp_ops.benchmarks.bars import Verdict
from spp_ops.benchmarks.cases import CASES
from spp_ops.benchmarks.compare import Change, Comparison
from spp_ops.benchmarks.detect.results import DetectRecord
from spp_ops.benchmarks.peers import OTHERS, PEERS
from spp_ops.benchmarks.results import Contest, Peaks, Ratio, Record
from spp_ops.benchmarks.scaling import ScalingRecord
from spp_ops.engine.text import literal

CHANGE_STYLES = {Change.SLOWER: "bold red", Change.FASTER: "green", Change.SAME: "dim"}


@dataclass(frozen=True)
class Row:
    """A contestant's line: its time beside ours and beside the write floor, each None where there is none."""

    name: str
    seconds: Ratio
    to_ours: Ratio | None
    to_floor: Ratio | None
    check: str

    @property
    def is_ours(self) -> bool:
        """Whether it is one of ours."""
        return self.name.startswith("ours")


def rows(contest: Contest) -> list[Row]:
    """Return a line a contestant, the quickest first."""
    found = [
        Row(
            name,
            Ratio.of(seconds),
            contest.ratio(name, "ours"),
            contest.ratio(name, "floor"),
            contest.checks.get(name, ""),
        )
        for name, seconds in contest.seconds.items()
    ]
    return sorted(found, key=lambda row: (row.to_ours or row.seconds).median)


def print_record(console: Console, record: Record) -> None:
    """Print every contest, what was left out and why, and peak memory."""
    for contest in record.contests:
        console.print(contest_table(contest))
        for name, reason in contest.disagreements.items():
            console.print(Text.assemble((f"{name} is wrong and was not timed:", "bold red"), f" {reason}"))
    for name, reason in _left_out_everywhere(record).items():
        console.print(literal(f"{name}: {reason}", "yellow"))
    if record.peaks:
        console.print(peak_table(record.peaks))
    names = {name: None for contest in record.contests for name in contest.seconds}
    for name in names:
        console.print(Text.assemble((name, "bold"), f": {PEERS[name].about}", style="dim"))
    print_machine(console, record)


def contest_table(contest: Contest) -> Table:
    """Show one contest: ratios to ours and to the write floor with their quartiles, milliseconds, agreement."""
    table = plain_table(f"{contest.case} {contest.timed}, {contest.dtype}: {CASES[contest.case].about}")
    table.add_column("")
    for heading in ("x ours", "quartiles", "x floor", "ms here"):
        table.add_column(heading, justify="right")
    table.add_column("beside ours")
    for row in rows(contest):
        cells = times(row.to_ours), quartiles(row.to_ours), times(row.to_floor), f"{row.seconds.median * 1000:.3g}"
        table.add_row(row.name, *cells, row.check, style="bold" if row.name == "ours" else None)
    return table


def peak_table(peaks: Iterable[Peaks]) -> Table:
    """Show peak memory of forward and backward."""
    table = plain_table("Peak memory of forward + backward")
    table.add_column("")
    table.add_column("what follows the pooling")
    for heading in ("MiB", "of torchvision's"):
        table.add_column(heading, justify="right")
    for peak in peaks:
        for name, mebibytes in peak.mebibytes.items():
            whole = peak.mebibytes.get("torchvision")
            table.add_row(
                f"{peak.case}: {name}", peak.head, f"{mebibytes:.0f}", f"{mebibytes / whole:.0%}" if whole else ""
            )
    return table


def scaling_table(record: ScalingRecord) -> Table:
    """Show the slope of every curve."""
    table = plain_table("Time on log-log axes: slope 1 is linear, 0 is flat")
    for heading in ("sweep", "contestant"):
        table.add_column(heading)
    for heading in ("from", "to", "slope", "quartiles", "time at the end\nx time at the start"):
        table.add_column(heading, justify="right")
    for curve in record.curves:
        slope = curve.slope()
        ends = f"{curve.x[0]:,}", f"{curve.x[-1]:,}"
        growth = times(
            Ratio.of([last / first for first, last in zip(curve.seconds[0], curve.seconds[-1], strict=True)])
        )
        style = "bold" if curve.name == "ours" else None
        cells = *ends, f"{slope.median:.3f}", f"{slope.low:.3f} to {slope.high:.3f}", growth
        table.add_row(curve.axis, curve.name, *cells, style=style)
    return table


def verdict_table(verdicts: Iterable[Verdict]) -> Table:
    """Set what is promised beside what was measured."""
    table = plain_table("Promises")
    table.add_column("")
    table.add_column("measured", justify="right")
    table.add_column("")
    for verdict in verdicts:
        table.add_row(verdict.promise, verdict.measured, _verdict(verdict.kept))
    return table


def comparison_table(comparisons: Iterable[Comparison]) -> Table:
    """Show ours before and after, by yardstick."""
    table = plain_table("Against the baseline: times the yardstick of the same run")
    for heading in ("contest", "contestant", "yardstick"):
        table.add_column(heading)
    for heading in ("baseline", "now", "change"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for comparison in comparisons:
        style = CHANGE_STYLES[comparison.change]
        for yardstick, (old, new) in comparison.ratios.items():
            change = f"{new.median / old.median - 1:+.1%}"
            cells = comparison.contest, comparison.name, yardstick, times(old), times(new), change
            table.add_row(*cells, literal(comparison.change.value, style))
    return table


def print_machine(console: Console, record: Record | ScalingRecord) -> None:
    """Print what a figure needs beside it."""
    console.print(literal(machine(record), "dim"))


def machine(record: Record | ScalingRecord | DetectRecord) -> str:
    """List what is known of the machine and the versions."""
    return ", ".join(f"{name} {value}" for name, value in record.machine.items() if value not in (None, "", []))


def times(ratio: Ratio | None) -> str:
    """Write a ratio to three digits; nothing where there is none."""
    if ratio is None:
        return ""
    return f"{ratio.median:.3g}" if ratio.median < 1000 else f"{ratio.median:,.0f}"


def quartiles(ratio: Ratio | None) -> str:
    """Write the quartiles of a ratio; nothing where there is none."""
    return "" if ratio is None else f"{ratio.low:.3g} to {ratio.high:.3g}"


def _verdict(kept: bool) -> Text:
    return literal("kept", "green") if kept else literal("missed", "bold red")


def _left_out_everywhere(record: Record) -> dict[str, str]:
    """Return others that took part in nothing, and why."""
    took_part = {name for contest in record.contests for name in contest.seconds}
    reasons = {name: reason for contest in record.contests for name, reason in contest.left_out.items()}
    return {name: reason for name, reason in reasons.items() if name in OTHERS and name not in took_part}


def plain_table(title: str) -> Table:
    """A table without frame, its title on the left."""
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
