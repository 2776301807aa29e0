"""`spp-ops benchmark rcnn`."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from spp_ops.benchmarks.rcnn import Settings
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._comparison import comparison_options
from spp_ops.cli._console import Output, table_progress
from spp_ops.cli._options import device_option, examples, image_option, seed_option
from spp_ops.cli._outputs import output_options
from spp_ops.datasets.image import load_image
from spp_ops.demo import main as demo
from spp_ops.engine.files import write_json
from spp_ops.engine.machine import describe_machine, one_line


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "benchmark rcnn",
        "benchmark rcnn --image street.jpg --json times.json --plot times.png",
        "benchmark rcnn --arch overfeat7 --device cuda",
    ),
)
@image_option
@click.option(
    "--arch", default=Settings.arch, show_default=True, help="zf5, convnet5, overfeat5, overfeat7, vgg16, ..."
)
@comparison_options
@output_options(
    json="Write the figures there.",
    plot="Draw the times there; the format follows the ending.",
)
@device_option
@seed_option
def command(
    *,
    image: Path | None,
    arch: str,
    windows: int,
    rcnn_windows: int | None,
    repeats: int,
    json_path: Path | None,
    plot_path: Path | None,
    device: torch.device,
    seed: int,
) -> None:
    """SPP-net beside R-CNN on one photo, stage by stage.

    The paper's timing table, at one scale and at five. Pooled features are checked against the plain PyTorch reference
    before anything is timed.
    """
    console = Output()
    settings = Settings(arch=arch, windows=windows, rcnn_windows=rcnn_windows, repeats=repeats, seed=seed)
    pixels = demo.sample_image() if image is None else load_image(image)
    name = "sample photo" if image is None else image.name
    machine = describe_machine(device)
    with table_progress(console).work("benchmark", 0, "steps") as work:
        _, _, comparison = demo.measure(pixels, device, settings, work)
    if json_path is not None:
        write_json(json_path, {"photo": name, **demo.report_of(comparison, settings, machine)})
    demo.print_comparison(console, comparison, f"{name}, {arch} on {device}")
    console.print(one_line(machine), style="dim")
    if plot_path is not None:
        from spp_ops.benchmarks.rcnn.images import save_time_chart

        save_time_chart(plot_path, comparison, one_line(machine))
