"""Options that the detection commands share: the data, its format, and where windows come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import click

from spp_ops.cli._classification import bad_images_option
from spp_ops.cli._options import Command
from spp_ops.datasets.coco_detection import read_coco_detection
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.labeled import Notice, OnBad
from spp_ops.datasets.voc_detection import read_voc_detection
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.proposals.config import Method
from spp_ops.detection.proposals.precomputed import ENDINGS

Format: TypeAlias = Literal["voc", "coco"]

METHODS = tuple(method for method in get_args(Method) if method != "file")


class Proposals(click.ParamType[ProposalConfig]):
    """A method, or a file of boxes computed before."""

    name = "proposals"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ProposalConfig:
        if isinstance(value, ProposalConfig):
            return value
        if value in METHODS:
            return ProposalConfig(value)
        file = Path(value)
        if file.suffix.lower() not in ENDINGS:
            known = ", ".join(METHODS)
            self.fail(f"expected one of {known} or a file ending in {', '.join(ENDINGS)}, got {value!r}", param, ctx)
        if not file.is_file():
            self.fail(f"no file of boxes at {value}", param, ctx)
        return ProposalConfig("file", file=str(file.absolute()))  # the record must not depend on the folder of today


proposals_option = click.option(
    "--proposals",
    type=Proposals(),
    help=f"Windows to look at: {', '.join(METHODS)}, or a file of boxes (.npz, .json, .mat).",
)


def data_options(command: Command) -> Command:
    """DATA, --format, --images, --annotations, --bad-images."""
    options: list[Callable[[Command], Command]] = [
        click.argument("data", type=click.Path(path_type=Path), required=False),
        click.option(
            "--format",
            "data_format",
            type=click.Choice(["voc", "coco"]),
            default="voc",
            show_default=True,
            help="voc: DATA is a folder of Pascal VOC's layout. coco: --images and --annotations instead of it.",
        ),
        click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="COCO: the images' folder."),
        click.option("--annotations", type=click.Path(path_type=Path), metavar="F.json", help="COCO: the objects."),
        bad_images_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_data(
    data: Path | None,
    data_format: Format,
    images: Path | None,
    annotations: Path | None,
    *,
    split: str,
    classes: Sequence[str] | None = None,
    on_bad: OnBad = "refuse",
    notice: Notice,
) -> DetectionImages:
    """Images and objects that the options of `data_options` name; `split` is Pascal VOC's.

    Raises:
        ValueError: an option is missing or belongs to the other format; or the data is bad.
        FileNotFoundError: something is not there.
    """
    if data_format == "voc":
        _expect_none("voc", images=images, annotations=annotations)
        if data is None:
            raise ValueError("DATA: expected a folder of Pascal VOC's layout, got none")
        return read_voc_detection(data, split, classes=classes, on_bad=on_bad, notice=notice)
    _expect_none("coco", DATA=data)
    if images is None or annotations is None:
        raise ValueError("--images, --annotations: expected both with --format coco")
    return read_coco_detection(annotations, images, classes=classes, on_bad=on_bad, notice=notice)


def _expect_none(data_format: str, **options: object) -> None:
    for name, value in options.items():
        if value is not None:
            option = name if name.isupper() else f"--{name}"
            raise ValueError(f"{option}: not used with --format {data_format}, got {value}")
