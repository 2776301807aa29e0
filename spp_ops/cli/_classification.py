"""Options and argument types that the classification commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import torch

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.config import LARGEST_SIZE
from spp_ops.classification.scoring import Source, ViewScorer
from spp_ops.classification.views import NAMES, Views, make_views
from spp_ops.cli._images import ImageOptions
from spp_ops.datasets.folders import folders_into
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.datasets.problems import Notice
from spp_ops.datasets.summary import folder_summary

run_option = click.option(
    "--weights",
    "run",
    type=click.Path(path_type=Path),
    required=True,
    metavar="RUN",
    help="A run's folder, or the checkpoint in it.",
)

views_option = click.option(
    "--views", "views_name", type=click.Choice(NAMES), default="full", show_default=True, help="What is looked at."
)

source_option = click.option(
    "--source",
    type=click.Choice(["maps", "images"]),
    help="Pool views from maps of the whole image, or cut each from the image. Default: maps, or images for a "
    "network without a pyramid.",
)

window_option = click.option(
    "--window",
    type=click.IntRange(1, LARGEST_SIZE),
    help="Side of the square views in pixels; the scales follow it. Default: the largest size of the training.",
)


def make_scorer(
    checkpoint: Checkpoint, device: torch.device, views_name: str, source: str | None, window: int | None
) -> tuple[Views, Source, ViewScorer]:
    """Return what --views, --source and --window ask for, with their defaults filled in."""
    views = make_views(views_name, window or max(checkpoint.training.sizes))
    chosen: Source = (
        "images" if source == "images" or (source is None and checkpoint.network.levels is None) else "maps"
    )
    return views, chosen, ViewScorer(checkpoint.classifier().to(device), views, chosen)


def read_images(
    folder: Path, reading: ImageOptions, notice: Notice, classes: Sequence[str] | None = None
) -> LabeledImages:
    """Read image folders; what they hold is told in a line, and then what was mended and left out.

    Raises: as `read_folders`.
    """
    problems = reading.problems(notice)
    images = folders_into(folder, classes, problems)
    notice(folder_summary(images, str(folder), problems))
    problems.finish()
    return images
