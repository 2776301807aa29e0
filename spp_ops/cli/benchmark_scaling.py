"""`spp-ops benchmark scaling`."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from spp_ops.benchmarks import harness, report, scaling
from spp_ops.benchmarks.bars import verdicts
from spp_ops.benchmarks.peers import OTHERS
from spp_ops.cli._benchmarks import add_option, names_option, repeats_option, threads_option
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress
from spp_ops.cli._options import device_option, examples
from spp_ops.cli._outputs import output_options


@click.command(
    "scaling",
    cls=GroupedCommand,
    epilog=examples(
        "benchmark scaling",
        "benchmark scaling --sweeps 'window size' --peers torchvision,openvino",
        "benchmark scaling --json scaling.json --plot scaling.svg",
    ),
)
@names_option("--sweeps", scaling.sweeps(), "What grows")
@names_option("--peers", OTHERS, "Measured beside ours and the write floor", default="none", none=True)
@repeats_option
@threads_option
@output_options(
    json="Write the record there.",
    plot="Draw the curves there; the format follows the ending.",
)
@add_option
@device_option
def command(
    *,
    sweeps: tuple[str, ...],
    peers: tuple[str, ...],
    repeats: int,
    threads: int | None,
    json_path: Path | None,
    add: bool,
    plot_path: Path | None,
    device: torch.device,
) -> None:
    """Measure time as windows, channels, maps, windows' sizes, bins and threads grow, with fitted slopes.

    The largest point writes 2.6 GB of pooled features, in place.
    """
    console = Output()
    turns = scaling.turns(sweeps, peers, repeats)
    with (
        harness.threads(threads or torch.get_num_threads()),
        table_progress(console).work("benchmark", turns, "steps") as work,
    ):
        record = scaling.run(sweeps, peers, repeats, device, work.start)
    if json_path is not None:
        (record.added_to(json_path) if add else record).save(json_path)
    console.print(report.scaling_table(record))
    console.print(report.verdict_table(verdicts(None, record)))
    report.print_machine(console, record)
    if plot_path is not None:
        from spp_ops.benchmarks.plots import save_scaling

        save_scaling(plot_path, record)
