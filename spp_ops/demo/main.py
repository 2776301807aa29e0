"""The main job: a photo's windows by SPP-net and by R-CNN, side by side, gradients verified, and a detector at work."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.text import Text

from spp_ops.benchmarks.rcnn import Comparison, Settings, compare
from spp_ops.benchmarks.rcnn.images import Example, save_overview, save_time_chart
from spp_ops.benchmarks.rcnn.report import as_data, table
from spp_ops.benchmarks.rcnn.stopwatch import Stopwatch
from spp_ops.benchmarks.rcnn.timing import steps
from spp_ops.datasets.image import Pixels, load_image
from spp_ops.demo.digit_detector import IMAGES, DigitTest
from spp_ops.detection.proposals import Boxes, selective_search
from spp_ops.engine.display import ConsoleProgress
from spp_ops.engine.files import write_json
from spp_ops.engine.machine import describe_machine, one_line
from spp_ops.engine.progress import Work
from spp_ops.models import SPPNet, create
from spp_ops.testing import GRADIENT_CASES, GradientResult, check_gradients

REPORT_NAME = "demo.json"
FILE_NAMES = ("demo.png", "times.png", "detections.png", REPORT_NAME)


def sample_image() -> Pixels:
    """Load the photo used where none is given: 640 x 427 pixels, shipped with scikit-learn."""
    from sklearn.datasets import load_sample_image

    return load_image(load_sample_image("china.jpg"))


def run(
    image: Path | None,
    out: Path,
    device: torch.device,
    settings: Settings,
    console: Console,
    digit_images: int = IMAGES["test"],
) -> bool:
    """Compare, check, detect, print and save: all that `spp-ops demo` does.

    Args:
        image: path of a photo; None: the sample pixels.
        out: folder for demo.png, times.png, detections.png and demo.json.
        device: where to compute.
        settings: what to compare.
        console: where tables and the progress bar go.
        digit_images: held-out images that the detector of digits is tested on.

    Returns:
        Whether every gradient check passed.
    """
    pixels = sample_image() if image is None else load_image(image)
    name = "sample photo" if image is None else str(image)
    machine = describe_machine(device)
    with ConsoleProgress(console).work("demo", 0, "steps") as work:
        net, windows, comparison = measure(pixels, device, settings, work)
        work.expect(len(GRADIENT_CASES) + 2)
        report = {
            "image": name,
            "image_size": [pixels.shape[1], pixels.shape[0]],
            **report_of(comparison, settings, machine),
            "gradient_checks_passed": {},
            "detection": None,
        }
        write_json(out / REPORT_NAME, report)
        print_comparison(console, comparison, f"{name}, {settings.arch} on {device}")
        console.print("gradcheck and gradgradcheck of the kernels, in float64:")
        passed: dict[str, bool] = {}
        for result in check_gradients(device, settings.seed, work.start):
            passed[result.name] = result.failure is None
            print_gradients(console, result)
        work.start("digits")
        digits = find_digits(device, digit_images)
        write_json(out / REPORT_NAME, report | {"gradient_checks_passed": passed, "detection": digits.as_data()})
        console.print(digits.table())
        if digits.parts:
            console.print(digits.parts_table())
        work.start("images")
        subtitle = one_line(machine)
        example = Example.choose(net, pixels, windows, settings)
        save_overview(out / "demo.png", example, comparison, subtitle)
        save_time_chart(out / "times.png", comparison, subtitle)
        digits.save_image(out / "detections.png")
    console.print(f"Saved {', '.join(FILE_NAMES)} in {out}")
    return all(passed.values())


def is_demos(folder: Path) -> bool:
    """Say whether a folder holds what `run` writes, so that it may be replaced."""
    try:
        report = json.loads((folder / REPORT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(report, dict) and "gradient_checks_passed" in report


def measure(photo: Pixels, device: torch.device, settings: Settings, work: Work) -> tuple[SPPNet, Boxes, Comparison]:
    """Make the network (with random weights: times do not depend on them), find windows and compare."""
    work.expect(2)
    work.start(f"{settings.arch} with random weights")
    torch.manual_seed(settings.seed)
    net = create(settings.arch, levels=settings.levels).to(device).eval()
    work.start("selective search")
    watch = Stopwatch(torch.device("cpu"))
    for _ in range(settings.repeats + 1):
        with watch.stage("windows"):
            windows = selective_search(photo, side=settings.proposal_side, limit=settings.windows)
    work.expect(steps(settings, len(windows), device))
    comparison = compare(net, photo, torch.from_numpy(windows), settings, work.start, watch.median("windows"))
    return net, windows, comparison


def find_digits(device: torch.device, images: int) -> DigitTest:
    """Test the detector that comes with the package, on images drawn anew that its training did not see."""
    with TemporaryDirectory() as folder:
        return DigitTest.run(folder, device, images)


def print_comparison(console: Console, comparison: Comparison, title: str) -> None:
    """Print the table, and what was checked before the clock ran."""
    console.print(table(comparison, title))
    equal = f"features of {comparison.checked_windows} windows equal the PyTorch reference's to the bit\n"
    console.print(Text.assemble(("ok", "green"), "  ", equal))


def print_gradients(console: Console, result: GradientResult) -> None:
    """Print one line for one case."""
    if result.failure is None:
        size = f"{result.inputs:>4} inputs, {result.outputs} outputs"
        console.print(Text.assemble(("ok", "green"), f"  {result.name:<32} ", (size, "dim")))
    else:
        console.print(Text.assemble(("failed", "red"), f"  {result.name}: {result.failure}"))


def report_of(comparison: Comparison, settings: Settings, machine: dict[str, Any]) -> dict[str, Any]:
    """Gather the figures with what they were measured on, for JSON."""
    return {"arch": settings.arch, "seed": settings.seed, "machine": machine, **as_data(comparison)}
