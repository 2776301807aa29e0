"""Formats of detection data. A new one is a class like these, and an entry of `FORMATS`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from spp_ops.datasets.formats.base import AnnotatedSet, ReadOptions
from spp_ops.datasets.formats.coco import CocoFormat
from spp_ops.datasets.formats.coco_entries import Id
from spp_ops.datasets.formats.csv_boxes import CsvFormat
from spp_ops.datasets.formats.voc import VocFormat
from spp_ops.datasets.formats.yolo import YoloFormat
from spp_ops.datasets.problems import Problems

__all__ = ["FORMATS", "Format", "find_format"]


class Format(Protocol):
    """What a format of detection data does."""

    name: str  # as the option --format has it
    expects: str  # what such data has, for errors
    takes_images: bool  # whether the folder of the images may be named apart

    def recognizes(self, data: Path) -> bool:
        """Say whether a file or folder holds such data."""

    def splits(self, data: Path) -> tuple[str, ...]:
        """The splits that the data has; none where it is not divided."""

    def read(self, data: Path, split: str | None, options: ReadOptions, problems: Problems) -> AnnotatedSet:
        """Read the annotations of one of the splits; None: of data that is not divided.

        Images are found, and not read. What is wrong goes to `problems`.
        """

    def categories(self, data: Path, split: str | None) -> dict[Id, str] | None:
        """Return the names of the classes by the data's own ids; None: they have none."""


FORMATS: dict[str, Format] = {each.name: each for each in (VocFormat(), CocoFormat(), YoloFormat(), CsvFormat())}


def find_format(data: Path, name: str = "auto") -> Format:
    """Return the format of that name; "auto": the one that the data is in.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the name is unknown; or the data is in none of the formats, or could be in several.
    """
    if name != "auto" and name not in FORMATS:
        raise ValueError(f"format: expected auto, {', '.join(FORMATS)}, got {name!r}")
    if not data.exists():
        raise FileNotFoundError(f"no data at {data}")
    known = list(FORMATS.values()) if name == "auto" else [FORMATS[name]]
    found = [each for each in known if each.recognizes(data)]
    if len(found) > 1:
        names = " and ".join(each.name for each in found)
        raise ValueError(f"{data}: could be {names}: --format says which")
    if not found:
        expected = "; ".join(f"{each.expects} ({each.name})" for each in known)
        raise ValueError(f"{data}: expected {expected}, found none")
    return found[0]
