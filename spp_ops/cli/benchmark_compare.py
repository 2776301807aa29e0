"""`spp-ops benchmark compare`."""

from __future__ import annotations

from pathlib import Path

import click

from spp_ops.benchmarks import report
from spp_ops.benchmarks.compare import Change, compare
from spp_ops.benchmarks.results import Record
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output
from spp_ops.cli._options import examples


@click.command("compare", cls=GroupedCommand, epilog=examples("benchmark compare benchmarks/results/op.json new.json"))
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def command(baseline: Path, new: Path) -> int:
    """Say whether a change made ours slower, from two records of `benchmark op --json`.

    Only ratios within a run count: to the write floor and to torchvision. Exit code 1: slower, by more than the spread.
    """
    comparisons = compare(Record.load(baseline), Record.load(new))
    Output().print(report.comparison_table(comparisons))
    return int(any(comparison.change is Change.SLOWER for comparison in comparisons))
