"""`spp-ops check`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output
from spp_ops.cli._data import DataOptions, data_options
from spp_ops.cli._options import examples
from spp_ops.cli._outputs import output_options
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.folders import class_folders, folders_into
from spp_ops.datasets.problems import Kind, Problems
from spp_ops.datasets.reading import DetectionData
from spp_ops.datasets.splits import Part, same_split
from spp_ops.datasets.statistics import DetectionStatistics, note_odd_objects, note_shared_images
from spp_ops.datasets.summary import detection_summary, folder_summary
from spp_ops.engine.files import atomic_write, write_json

_PROBLEMS = 1  # exit code


@dataclass
class _Checked:
    """A split as it was read.

    Attributes:
        split: its name.
        title: what it is called in the first line.
        problems: what was found.
        summary: of what can be used; None: nothing can.
        refusal: why nothing can be used.
        images: of detection data.
    """

    split: str
    title: str
    problems: Problems
    summary: str | None = None
    refusal: str | None = None
    images: DetectionImages | None = None

    @property
    def refused(self) -> list[str]:
        """All lines for which training would refuse the split."""
        lines = self.problems.lines
        return lines if self.refusal is None or lines else [self.refusal]

    @property
    def statistics(self) -> DetectionStatistics | None:
        """Numbers of detection data."""
        return None if self.images is None else DetectionStatistics.of(self.images)

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        statistics = self.statistics
        return {
            "problems": self.refused,
            "mended": _as_data(self.problems.mended),
            "noted": _as_data(self.problems.noted),
            "statistics": None if statistics is None else statistics.as_data(),
        }


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "check data/VOC2007",
        "check data/roboflow-export --split train --sheet train.png --json train.json",
        "check --annotations data/train.json --images data/train2017 --strict",
    ),
)
@data_options
@click.option("--split", help="The one split to read.  [default: each]")
@output_options(json="Write everything there.", sheet="Draw a contact sheet of the images with their boxes there.")
def command(*, source: DataOptions, split: str | None, json_path: Path | None, sheet_path: Path | None) -> None:
    """Read DATA as training would, and list every problem.

    Problems would be refused (or left out with --bad-images skip); what is mended is told and used; what is noted is
    allowed and may still be a mistake. Then come the numbers of images, objects and boxes. The exit code is 0 where
    nothing is refused (with --strict: nothing mended), 1 where something is, and 2 where there is no such data.
    """
    console = Output()
    checked = list(_checks(source, split))
    shared = Problems(notice=lambda line: None)
    note_shared_images(_apart(checked), shared)
    for each in checked:
        _print(console, each)
    _list(console, "noted", shared.noted)
    refused = sum(len(each.refused) for each in checked)
    mended = sum(len(places) for each in checked for places in each.problems.mended.values())
    if json_path is not None:
        splits = {each.split: each.as_data() for each in checked}
        write_json(json_path, {"splits": splits, "noted": _as_data(shared.noted)})
    if sheet_path is not None:
        _draw(sheet_path, checked)
    console.print(f"{refused} refused, {mended} mended")
    if refused:
        raise click.exceptions.Exit(_PROBLEMS)


def _checks(source: DataOptions, split: str | None) -> Iterator[_Checked]:
    """Read each split, of detection data or of image folders."""
    folders = class_folders(source.source) if source.format == "auto" else {}
    try:
        data = source.find()
    except ValueError:
        if not folders:
            raise
        chosen = {name: folders[name] for name in folders if split is None or same_split(name, split)}
        if not chosen:
            raise ValueError(f"{source.source}: no split {split}; there are {', '.join(folders)}") from None
        for name, folder in chosen.items():
            yield _check_folders(source, name, folder)
        return
    splits = data.format.splits(data.data)
    for part in [source.part(data, split, "train")] if split is not None else map(Part, splits or (None,)):
        yield _check(source, data, part)


def _check(source: DataOptions, data: DetectionData, part: Part) -> _Checked:
    problems = Problems("skip", lambda line: None, source.reading.strict)
    checked = _Checked(str(part), f"{data.data} ({data.format.name}), {part}", problems)
    try:
        checked.images = data.read(part, None, problems)
    except (ValueError, OSError) as error:
        checked.refusal = str(error)
    else:
        note_odd_objects(checked.images, problems)
        checked.summary = detection_summary(checked.images, checked.title, problems)
    return checked


def _check_folders(source: DataOptions, split: str, folder: Path) -> _Checked:
    problems = Problems("skip", lambda line: None, source.reading.strict)
    checked = _Checked(split, str(folder), problems)
    try:
        images = folders_into(folder, None, problems)
        checked.summary = folder_summary(images, checked.title, problems)
    except (ValueError, OSError) as error:
        checked.refusal = str(error)
    return checked


def _apart(checked: list[_Checked]) -> dict[str, DetectionImages]:
    """The splits that should have no image in common: trainval is made of others."""
    some = [each for each in checked if not same_split(each.split, "trainval")]
    return {each.split: each.images for each in some if each.images is not None}


def _print(console: Output, checked: _Checked) -> None:
    console.print()
    if checked.summary is not None:
        console.print(Text(checked.summary, "bold"))
    else:
        console.print(Text(f"{checked.title}: nothing can be used", "bold red"))
    for line in checked.refused:
        console.print(Text(f"refused: {line}", "red"))
    _list(console, "mended", checked.problems.mended)
    _list(console, "noted", checked.problems.noted)
    if checked.statistics is not None:
        _print_statistics(console, checked.statistics)


def _list(console: Output, title: str, found: dict[Kind, list[object]]) -> None:
    for kind, places in found.items():
        console.print(Text(f"{title}: {len(places)} {kind.one if len(places) == 1 else kind.many}", "yellow"))
        for place in places:
            console.print(Text(f"  {place}"))


def _as_data(found: dict[Kind, list[object]]) -> dict[str, list[str]]:
    return {kind.many: [str(place) for place in places] for kind, places in found.items()}


def _print_statistics(console: Output, statistics: DetectionStatistics) -> None:
    table = Table("class")
    for title in ("objects", "difficult"):
        table.add_column(title, justify="right")
    for name, count in statistics.objects.items():
        table.add_row(Text(name), str(count), str(statistics.difficult[name]))
    console.print(table)
    sizes = ", ".join(f"{count} {name}" for name, count in statistics.sizes.items())
    console.print(f"boxes: {sizes} (up to 32 x 32 pixels, up to 96 x 96, above)")
    rows = {
        "width": statistics.width,
        "height": statistics.height,
        "width / height": statistics.ratio,
        "objects an image": statistics.a_image,
    }
    for name, spread in rows.items():
        console.print(f"{name}: {spread}")


def _draw(path: Path, checked: list[_Checked]) -> None:
    from spp_ops.datasets.contact_sheet import contact_sheet

    shown = next((each.images for each in checked if each.images is not None), None)
    if shown is None:
        raise ValueError("sheet: expected detection data with images that can be used, found none")
    with atomic_write(path) as temporary:
        contact_sheet(shown).save(temporary)
