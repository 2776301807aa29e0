"""`spp-ops benchmark op`."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from spp_ops.benchmarks import harness, memory, op, report
from spp_ops.benchmarks.bars import verdicts
from spp_ops.benchmarks.cases import CASES
from spp_ops.benchmarks.compare import Change, compare
from spp_ops.benchmarks.peers import OTHERS, Pass
from spp_ops.benchmarks.results import Record
from spp_ops.cli._benchmarks import add_option, names_option, repeats_option, threads_option
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress
from spp_ops.cli._options import device_option, examples, seed_option
from spp_ops.cli._outputs import output_options


@click.command(
    "op",
    cls=GroupedCommand,
    epilog=examples(
        "benchmark op",
        "benchmark op --cases MAIN,LARGE --peers torchvision,openvino --passes forward",
        "benchmark op --cases MAIN --dtypes all --json op.json --plot op.svg",
        "benchmark op --peers torchvision --baseline benchmarks/results/op.json",
    ),
)
@names_option("--cases", CASES, "Workloads")
@names_option("--peers", OTHERS, "Measured beside ours and the write floor", none=True)
@names_option("--passes", [timed.value for timed in Pass], "What is timed")
@names_option("--dtypes", op.DTYPES, "Of the features", default="float32")
@click.option(
    "--keep-memory/--return-memory",
    default=True,
    show_default=True,
    help="Whether freed memory stays with the process, or fresh outputs cost page faults.",
)
@click.option("--peaks/--no-peaks", default=True, show_default=True, help="Measure peak memory of forward + backward.")
@click.option("--baseline", type=click.Path(path_type=Path), help="Compare with this record; exit code 1 if slower.")
@repeats_option
@threads_option
@output_options(
    json="Write the record there.",
    plot="Draw ratios there; the format follows the ending.",
)
@add_option
@device_option
@seed_option
def command(
    *,
    cases: tuple[str, ...],
    peers: tuple[str, ...],
    passes: tuple[str, ...],
    dtypes: tuple[str, ...],
    keep_memory: bool,
    peaks: bool,
    baseline: Path | None,
    repeats: int,
    threads: int | None,
    json_path: Path | None,
    add: bool,
    plot_path: Path | None,
    device: torch.device,
    seed: int,
) -> int:
    """Measure the operator beside its peers, on the workloads of docs/benchmarks.md.

    Every peer's numbers are checked against ours before its time is taken. Contestants take turns, and ratios between
    them count, not times. Exit code 1: a peer's numbers differ, or ours became slower than the baseline.
    """
    console = Output()
    old = None if baseline is None else Record.load(baseline)
    options = op.Options(cases, peers, tuple(Pass(name) for name in passes), dtypes, repeats, device, seed, keep_memory)
    with (
        harness.threads(threads or torch.get_num_threads()),
        table_progress(console).work("benchmark", op.turns(options), "steps") as work,
    ):
        record = op.run(options, work.start)
        if peaks:
            work.start("peak memory")
            record.peaks.extend(memory.of_training(cases, peers, device))
    if json_path is not None:
        (record.added_to(json_path) if add else record).save(json_path)
    report.print_record(console, record)
    console.print(report.verdict_table(verdicts(record)))
    if plot_path is not None:
        from spp_ops.benchmarks.plots import save_contests

        save_contests(plot_path, record)
    wrong = any(contest.disagreements for contest in record.contests)
    if old is None:
        return int(wrong)
    comparisons = compare(old, record)
    console.print(report.comparison_table(comparisons))
    return int(wrong or any(comparison.change is Change.SLOWER for comparison in comparisons))
