"""Detection data of any format: what is there, which part of it is wanted, and reading that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats import Format, find_format
from spp_ops.datasets.formats.assemble import assemble
from spp_ops.datasets.formats.base import AnnotatedSet, ReadOptions
from spp_ops.datasets.formats.coco_entries import Id
from spp_ops.datasets.problems import Notice, OnBad, Problems
from spp_ops.datasets.splits import Part, Purpose, choose


@dataclass(frozen=True)
class DetectionData:
    """Detection data in a format that is known.

    Attributes:
        data: its file or folder.
        format: what it is in.
        options: how its files are read.
    """

    data: Path
    format: Format
    options: ReadOptions

    @staticmethod
    def find(data: str | os.PathLike[str], format: str = "auto", options: ReadOptions | None = None) -> DetectionData:
        """Find out the format.

        Raises:
            FileNotFoundError: there is no such file or folder.
            ValueError: the format can't be told, or is unknown.
        """
        found = find_format(Path(data), format)
        given = options or ReadOptions()
        if given.images is not None and not found.takes_images:
            raise ValueError(f"--images: not used with --format {found.name}, got {given.images}")
        return DetectionData(Path(data), found, given)

    def part(self, split: str | None, purpose: Purpose, *, share: float | None = None, seed: int = 0) -> Part:
        """Return what to read, as `choose` says; a single file is all to be read unless a share is kept for tests.

        Raises:
            ValueError: no such split is there.
        """
        if share is not None and not 0 <= share < 1:
            raise ValueError(f"val-share: expected at least 0, less than 1, got {share}")
        if share is None and self.data.is_file():
            share = 0.0
        there = self.format.splits(self.data)
        return choose(there, split, purpose, share=share, seed=seed, where=str(self.data))

    def categories(self, part: Part) -> dict[Id, str] | None:
        """Return COCO's names of categories by their ids; None: the format has no ids."""
        return self.format.categories(self.data, part.split)

    def read(self, part: Part, classes: Sequence[str] | None, problems: Problems) -> DetectionImages:
        """Read a part of the data.

        Raises:
            FileNotFoundError: something is not there.
            ValueError: nothing in it can be used; what is wrong with parts of it goes to `problems`.
        """
        found = self.format.read(self.data, part.split, self.options, problems)
        if part.part is not None:
            if len(found.images) < 2:
                raise ValueError(f"{found.where}: expected 2 images or more to keep some for tests")
            images = [found.images[row] for row in part.rows([image.name for image in found.images])]
            names = sorted({item.name for image in found.images for item in image.objects})
            found = AnnotatedSet(found.where, images, found.classes or tuple(names))
        return assemble(found, classes, problems)


def read_detection(
    data: str | os.PathLike[str],
    split: str | None = None,
    *,
    format: str = "auto",
    purpose: Purpose = "train",
    classes: Sequence[str] | None = None,
    images: str | os.PathLike[str] | None = None,
    first_pixel: int | str | None = None,
    val_share: float | None = None,
    val_seed: int = 0,
    on_bad: OnBad = "refuse",
    strict: bool = False,
    notice: Notice = print,
) -> DetectionImages:
    """Images and objects of detection data of any format.

    Args:
        data: a folder or file of one of the formats in docs/data.md.
        split: train, val, trainval, test, by any of their names; None: what suits the purpose.
        format: voc, coco, yolo or csv; "auto": found out.
        purpose: to train (trainval, train) or to test (test, val).
        classes: the classes, in the order of their labels, as a trained detector knows them; None: the data's.
        images: folder of the images, where annotations are one file; None: found.
        first_pixel: how Pascal VOC's and CSV's boxes are counted: 1, 0 or "edges"; None: found out.
        val_share: of the images that a random split keeps for tests, where the data has none for it; None: 0.2 of data
            in folders that has no splits, none of a single file.
        val_seed: of that split.
        on_bad: what to do about what is wrong: name and skip, or refuse.
        strict: what could be mended is wrong as well.
        notice: told of what is mended and skipped.

    Raises:
        FileNotFoundError: something is not there.
        ValueError: the format can't be told, no such split is there, or the data is bad.
    """
    problems = Problems(on_bad, notice, strict)
    options = ReadOptions(None if images is None else Path(images), first_pixel)
    found = DetectionData.find(data, format, options)
    result = found.read(found.part(split, purpose, share=val_share, seed=val_seed), classes, problems)
    problems.finish()
    return result
