"""Options that say which detection data a command reads, and reading it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import click

from spp_ops.cli._images import ImageOptions, image_options
from spp_ops.cli._options import Command
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats import FORMATS
from spp_ops.datasets.formats.base import ReadOptions
from spp_ops.datasets.formats.voc_pixels import RULES
from spp_ops.datasets.problems import Notice
from spp_ops.datasets.reading import DetectionData
from spp_ops.datasets.splits import Part, Purpose
from spp_ops.datasets.summary import detection_summary


@dataclass(frozen=True)
class DataOptions:
    """What the options of `data_options` say.

    Attributes:
        data: DATA.
        format: a format's name, or "auto".
        images: folder of the images.
        annotations: a file of annotations, instead of DATA.
        first_pixel: "auto", "1", "0" or "edges".
        val_share: of the images that a random split keeps for tests; None: as `DetectionData.part` has it.
        val_seed: of that split.
        reading: how images are read, and what is done about bad ones.
    """

    data: Path | None
    format: str
    images: Path | None
    annotations: Path | None
    first_pixel: str
    val_share: float | None
    val_seed: int
    reading: ImageOptions

    @property
    def is_given(self) -> bool:
        """Whether any data is named."""
        return self.data is not None or self.annotations is not None

    @property
    def source(self) -> Path:
        """DATA, or the file of annotations.

        Raises:
            ValueError: both are given, or neither.
        """
        if self.data is not None and self.annotations is not None:
            raise ValueError(f"--annotations: expected it or DATA, got {self.annotations} and {self.data}")
        source = self.data or self.annotations
        if source is None:
            raise ValueError("DATA: expected a folder or file of detection data, or --annotations F, got none")
        return source

    def find(self) -> DetectionData:
        """Find out the format.

        Raises:
            FileNotFoundError: there is no such data.
            ValueError: the options do not fit, or the format can't be told.
        """
        pixel = self.first_pixel
        rule = None if pixel == "auto" else pixel if pixel == "edges" else int(pixel)
        if self.images is not None and not self.images.is_dir():
            raise FileNotFoundError(f"--images: no folder at {self.images}")
        return DetectionData.find(self.source, self.format, ReadOptions(self.images, rule))

    def part(self, found: DetectionData, split: str | None, purpose: Purpose) -> Part:
        """Return which part of the data a split is."""
        return found.part(split, purpose, share=self.val_share, seed=self.val_seed)

    def read(
        self, found: DetectionData, part: Part, notice: Notice, classes: Sequence[str] | None = None
    ) -> DetectionImages:
        """Read a part; what it holds is told in a line, and then what was mended and left out.

        Raises:
            FileNotFoundError: something is not there.
            ValueError: the data is bad.
        """
        problems = self.reading.problems(notice)
        images = found.read(part, classes, problems)
        problems.refuse()
        notice(detection_summary(images, f"{found.data} ({found.format.name}), {part}", problems))
        problems.finish()
        return images

    def of_file(self, annotations: Path, images: Path | None) -> DataOptions:
        """Return the options for another file of annotations, all of which is read."""
        return replace(self, data=None, annotations=annotations, images=images or self.images, val_share=None)


def data_options(command: Command) -> Command:
    """DATA, --format and what else says which data is read; the command gets them as `source`, a `DataOptions`."""
    return _with_data(command, click.argument("data", type=click.Path(path_type=Path), required=False))


def data_flag_options(command: Command) -> Command:
    """As `data_options`, with --data in the place of the argument."""
    place = click.option(
        "--data", type=click.Path(path_type=Path), metavar="DATA", help="Detection data to test on: a folder or file."
    )
    return _with_data(command, place)


def _with_data(command: Command, place: Callable[[Any], Any]) -> Command:
    @functools.wraps(command)
    def packed(**given: Any) -> Any:
        own = {field.name: given.pop(field.name) for field in fields(DataOptions)}
        return command(source=DataOptions(**own), **given)

    options: list[Callable[[Any], Any]] = [
        place,
        click.option(
            "--format",
            type=click.Choice(["auto", *FORMATS]),
            default="auto",
            show_default=True,
            help="Format of DATA: Pascal VOC's XML, COCO's JSON, YOLO's labels, CSV.",
        ),
        click.option(
            "--images",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="The images' folder, where it is not found from the annotations.",
        ),
        click.option(
            "--annotations",
            type=click.Path(path_type=Path),
            metavar="F",
            help="A file of annotations as DATA.",
        ),
        click.option(
            "--first-pixel",
            type=click.Choice(["auto", *map(str, RULES)]),
            default="auto",
            show_default=True,
            help="How VOC's and CSV's boxes count: pixels from 1, from 0, or from edge to edge; auto: found out.",
        ),
        click.option(
            "--val-share",
            type=click.FloatRange(0, 1, max_open=True),
            help="Share of the images that is kept for tests where DATA has no split for it.  [default: 0.2 of a "
            "folder without splits, else none]",
        ),
        click.option(
            "--val-seed",
            type=int,
            default=0,
            show_default=True,
            help="Seed of the random split that --val-share asks for.",
        ),
        image_options("reading"),
    ]
    decorated: Any = packed
    for option in reversed(options):
        decorated = option(decorated)
    result: Command = decorated
    return result
