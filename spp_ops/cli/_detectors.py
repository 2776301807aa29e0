"""Which detector a command uses: the runs it is made of, and what of their records is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import click
import torch

from spp_ops.cli._detection import proposals_option
from spp_ops.cli._options import Command, Numbers
from spp_ops.cli._runs import RunFolder
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.combined import CombinedDetector
from spp_ops.detection.detectors.head import HeadPrecision
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import ProposalConfig


@dataclass(frozen=True)
class Changes:
    """What the options say; None: as the run has it."""

    score_threshold: float | None
    scales: tuple[int, ...] | None
    proposals: ProposalConfig | None
    windows: int | None
    precision: HeadPrecision | None = None

    def of(self, detector: SPPDetector) -> SPPDetector:
        """Return a detector with the changed record."""
        proposals = self.proposals or detector.proposals
        if self.windows is not None:
            proposals = replace(proposals, limit=self.windows)
        changes: dict[str, Any] = {"proposals": proposals}
        for name in ("score_threshold", "scales", "precision"):
            if getattr(self, name) is not None:
                changes[name] = getattr(self, name)
        return detector.changed(**changes)


def detector_options(command: Command) -> Command:
    """--weights, and what may be changed of the runs' records."""
    options: list[Callable[[Command], Command]] = [
        click.option(
            "--weights",
            "runs",
            type=RunFolder(),
            required=True,
            multiple=True,
            metavar="RUN",
            help="A run's folder, or digits: the packaged detector. Given more than once: they are combined.",
        ),
        click.option("--score-threshold", type=float, help="Boxes that score less are dropped."),
        click.option("--scales", type=Numbers(), help="Shorter sides in pixels of the resized images."),
        proposals_option("the run's"),
        click.option("--windows", type=click.IntRange(1), help="At most this many windows an image."),
        click.option(
            "--precision",
            type=click.Choice(get_args(HeadPrecision)),
            help="Number format in the network; auto: the faster of float32 and bfloat16 here.  [default: the run's]",
        ),
        click.option(
            "--backend",
            type=click.Choice(["torch", "openvino"]),
            default="torch",
            show_default=True,
            help="What computes; openvino: on the CPU and in float32, by a graph that is written once.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def load_detectors(runs: tuple[Path, ...], changes: Changes, device: torch.device) -> list[SPPDetector]:
    """Read the runs' detectors and change their records."""
    return [changes.of(SPPDetector.load(run)).to(device) for run in runs]


def combined(detectors: list[SPPDetector], backend: str = "torch") -> Detector:
    """Return the one detector, or the combination of several, as the backend runs it."""
    if backend == "openvino":
        from spp_ops.detection.export import OpenVINODetector

        if len(detectors) > 1:
            raise ValueError(f"backend: expected torch for a combination of {len(detectors)} detectors, got openvino")
        return OpenVINODetector(detectors[0])
    return detectors[0] if len(detectors) == 1 else CombinedDetector(detectors)
