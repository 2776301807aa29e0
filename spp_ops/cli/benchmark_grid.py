"""`spp-ops benchmark grid`."""

from __future__ import annotations

from pathlib import Path

import click

from spp_ops.benchmarks import grid, harness
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, table_progress
from spp_ops.cli._options import examples
from spp_ops.cli._outputs import output_options
from spp_ops.engine.files import write_json

LAYOUTS = {"nchw": (False,), "channels-last": (True,), "both": (False, True)}
PASSES = {"forward": (False,), "gradient": (True,), "both": (False, True)}


@click.command(
    "grid",
    cls=GroupedCommand,
    epilog=examples("benchmark grid", "benchmark grid --layout nchw --pass forward --plot grid.svg"),
)
@click.option(
    "--layout", type=click.Choice(list(LAYOUTS)), default="both", show_default=True, help="Memory layout of the maps."
)
@click.option(
    "--pass", "timed", type=click.Choice(list(PASSES)), default="both", show_default=True, help="What is timed."
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="The fastest of them counts.")
@output_options(json="Write every point there.", plot="Draw the heat maps there; the format follows the ending.")
def command(*, layout: str, timed: str, rounds: int, json_path: Path | None, plot_path: Path | None) -> None:
    """Measure ours beside torchvision on the CPU over windows, their sizes, maps and channels, on one thread."""
    console = Output()
    points = grid.points(LAYOUTS[layout], PASSES[timed])
    with harness.threads(1), table_progress(console).work("benchmark", len(points), "points") as work:
        measured = list(grid.run(points, rounds, work.start))
    slower = [point for point in measured if point.ratio < 1]
    for point in sorted(slower, key=lambda each: each.ratio):
        console.print(f"slower than torchvision: {point}")
    least = min(point.ratio for point in measured)
    console.print(f"{len(measured)} points, {len(slower)} slower than torchvision, least ratio {least:.2f}")
    if json_path is not None:
        write_json(json_path, grid.record(measured, rounds))
    if plot_path is not None:
        from spp_ops.benchmarks.heat_map import save_grid

        save_grid(plot_path, measured)
