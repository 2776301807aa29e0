"""Options and argument types that the classification commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import torch

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.config import LARGEST_SIZE
from spp_ops.classification.scoring import Source, ViewScorer
from spp_ops.classification.views import NAMES, Views, make_views


class Numbers(click.ParamType[Any]):
    """Whole numbers with commas between: 6,3,2,1. An empty text gives none, as does "none" where that is allowed."""

    name = "numbers"

    def __init__(self, none: bool = False) -> None:
        self._none = none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...] | None:
        if not isinstance(value, str):
            return None if value is None else tuple(value)
        if self._none and value == "none":
            return None
        try:
            return tuple(int(part) for part in value.split(",")) if value else ()
        except ValueError:
            self.fail(f"expected whole numbers with commas between, got {value!r}", param, ctx)


class Places(click.ParamType[Any]):
    """Places in a run with commas between: 0.5,0.9 (shares of it) or 10,16 (epochs). An empty text gives none."""

    name = "places"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...] | None:
        if not isinstance(value, str):
            return None if value is None else tuple(value)
        try:
            return tuple(int(part) if part.isdigit() else float(part) for part in value.split(",")) if value else ()
        except ValueError:
            self.fail(f"expected numbers with commas between, got {value!r}", param, ctx)


data_argument = click.argument("data", type=click.Path(path_type=Path))

run_option = click.option(
    "--weights",
    "run",
    type=click.Path(path_type=Path),
    required=True,
    metavar="RUN",
    help="A run's folder, or the checkpoint in it.",
)

workers_option = click.option(
    "--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="Processes that load images ahead."
)

bad_images_option = click.option(
    "--bad-images",
    "on_bad",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="What to do about images that can't be read and classes without images; they are named in any case.",
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
