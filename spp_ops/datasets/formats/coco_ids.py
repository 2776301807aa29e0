"""The ids by which a COCO annotation file calls images and classes, for results that are to be compared with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spp_ops.datasets.formats.coco_categories import categories_of
from spp_ops.datasets.formats.coco_entries import Id, Place, entries_of, entry_id
from spp_ops.datasets.formats.coco_files import find_coco
from spp_ops.datasets.formats.json_lists import read_json_lists
from spp_ops.datasets.image_files import ImageFinder
from spp_ops.datasets.problems import Problems


@dataclass(frozen=True)
class CocoIds:
    """Ids of a file's images and categories.

    Attributes:
        annotations: the file.
        by_path: of images whose files were found.
        by_name: of the others and these, by their files' names; several of one name have several.
        categories: the names of the categories by their ids.
    """

    annotations: Path
    by_path: dict[Path, Id]
    by_name: dict[str, tuple[Id, ...]]
    categories: dict[Id, str]

    @staticmethod
    def read(annotations: str | os.PathLike[str]) -> CocoIds:
        """Read a file's ids.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no such file.
        """
        path = Path(annotations)
        content = read_json_lists(path)
        problems = Problems(notice=lambda line: None)
        categories = categories_of(content, problems)
        finder = ImageFinder(*find_coco(path)[None].folders)
        by_path: dict[Path, Id] = {}
        by_name: dict[str, tuple[Id, ...]] = {}
        for row, entry in enumerate(entries_of(content, "images")):
            place, name = Place(content, "images", row), entry.get("file_name")
            if not isinstance(name, str):
                raise ValueError(f"{place}: file_name: expected a path, got {name!r}")
            try:
                number = entry_id(entry, "id")
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from error
            last = name.replace("\\", "/").rpartition("/")[2]
            by_name[last] = (*by_name.get(last, ()), number)
            try:
                by_path[finder.by_path(name, place, problems).resolve()] = number
            except FileNotFoundError:
                continue  # the images may lie elsewhere and be told apart by their names
        return CocoIds(path, by_path, by_name, categories)

    def of(self, image: Path) -> Id:
        """Return an image's id.

        Raises:
            ValueError: the file has none for it, or several of its name.
        """
        found = self.by_path.get(image.resolve())
        if found is not None:
            return found
        ids = self.by_name.get(image.name, ())
        if len(ids) != 1:
            some = f"{len(ids)} of that name" if ids else "none of that name"
            raise ValueError(f"{image}: expected an image of {self.annotations}, which has {some}")
        return ids[0]

    def check_classes(self, classes: Sequence[str]) -> None:
        """Refuse classes that are no categories.

        Raises:
            ValueError: there are some.
        """
        unknown = [name for name in classes if name not in self.categories.values()]
        if unknown:
            known = ", ".join(self.categories.values())
            raise ValueError(f"{self.annotations}: no category {', '.join(unknown)} of the detector; there are {known}")
