"""`spp-ops demo`."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from spp_ops.benchmarks.rcnn import Settings
from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._comparison import comparison_options
from spp_ops.cli._console import Output
from spp_ops.cli._options import device_option, examples, image_option, seed_option
from spp_ops.cli._outputs import to_folder
from spp_ops.demo import main as demo
from spp_ops.engine.files import free_folder, is_within


@click.command(
    cls=GroupedCommand,
    epilog=examples("demo", "demo --image street.jpg --out out/street", "demo --device cuda --windows 500"),
)
@image_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=to_folder,
    default=Path("out"),
    show_default=True,
    help="Folder for demo.png, times.png, detections.png and demo.json; where it has files, the next free one.",
)
@click.option("--overwrite", is_flag=True, help="Replace the files of the demo in that folder.")
@comparison_options
@device_option
@seed_option
@click.pass_context
def command(
    context: click.Context,
    *,
    image: Path | None,
    out: Path,
    overwrite: bool,
    windows: int,
    rcnn_windows: int | None,
    repeats: int,
    device: torch.device,
    seed: int,
) -> None:
    """Run the main job: SPP-net beside R-CNN on a photo, and a trained detector.

    Computes features of about 2,000 windows both ways, prints the times, verifies gradients and draws an image. Both
    use ZF-5. SPP-net computes its feature maps once (at one scale and at five) and pools every window from them;
    R-CNN sends every window through the network. Then the detector that comes with the package, trained from scratch
    on handwritten digits, is tested on images it has not seen. The exit code is 1 if a gradient check fails.
    """
    if not overwrite:
        out = free_folder(out, "out")
    elif out.is_dir() and any(out.iterdir()) and not demo.is_demos(out):
        raise ValueError(f"overwrite: expected the folder of a demo, but {out} holds no {demo.REPORT_NAME}")
    elif image is not None and any(is_within(out / name, image) for name in demo.FILE_NAMES):
        raise ValueError(f"overwrite: {image} is to be read, and a result of the demo in {out}")
    settings = Settings(windows=windows, rcnn_windows=rcnn_windows, repeats=repeats, seed=seed)
    passed = demo.run(image, out, device, settings, Output())
    context.exit(0 if passed else 1)
