"""Where the files of Pascal VOC's layout are, in the layouts that tools write.

Standard: JPEGImages, Annotations and ImageSets/Main. Below a folder VOCdevkit or VOC2007: likewise. Other names of the
two folders (images, annotations). Roboflow's and labelImg's: annotations beside the images, in train, valid and test or
all together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from spp_ops.datasets.splits import SPLITS, same_split

_IMAGES = ("JPEGImages", "images", "Images", "imgs", "img")
_ANNOTATIONS = ("Annotations", "annotations", "xmls", "xml", "labels")
_LABELED = re.compile(r"(.*\S)\s+(-1|0|1)")  # a line of the lists of single classes


@dataclass(frozen=True)
class VocLayout:
    """Folders of a set.

    Attributes:
        root: the folder that holds them.
        images: of the images.
        annotations: of the XML files.
        lists: of the lists of images a split; None: there is none.
    """

    root: Path
    images: Path
    annotations: Path
    lists: Path | None

    def split_names(self) -> tuple[str, ...]:
        """The splits that there are lists of; lists of single classes (CLASS_SPLIT.txt) don't count."""
        stems = [] if self.lists is None else sorted(path.stem for path in self.lists.glob("*.txt"))
        return tuple(stem for stem in stems if not any(stem.endswith(f"_{other}") for other in stems))


def find_voc(data: Path) -> dict[str | None, VocLayout]:
    """Return the set in a folder, under None, or one a split, where annotations lie beside the images.

    Raises:
        ValueError: several sets are there.
    """
    found = _standard(data)
    if found is not None:
        return {None: found}
    below = [layout for folder in _years(data) if (layout := _standard(folder)) is not None]
    if len(below) > 1:
        raise ValueError(f"{data}: expected one set, found {', '.join(str(layout.root) for layout in below)}; name one")
    if below:
        return {None: below[0]}
    beside: dict[str | None, VocLayout] = {}
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        if any(same_split(folder.name, split) for split in SPLITS) and (layout := _in_folder(folder)) is not None:
            beside[folder.name] = layout
    if beside:
        return beside
    flat = _in_folder(data)
    return {} if flat is None else {None: flat}


def _standard(root: Path) -> VocLayout | None:
    images = next((root / name for name in _IMAGES if (root / name).is_dir()), None)
    annotations = next((root / name for name in _ANNOTATIONS if _has_xml(root / name)), None)
    lists = next((path for path in (root / "ImageSets" / "Main", root / "ImageSets") if any(path.glob("*.txt"))), None)
    if annotations is None and lists is None:
        return None
    return VocLayout(root, images or root / _IMAGES[0], annotations or root / _ANNOTATIONS[0], lists)


def _in_folder(folder: Path) -> VocLayout | None:
    return VocLayout(folder, folder, folder, None) if _has_xml(folder) else None


def _has_xml(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.xml"))


def _years(data: Path) -> list[Path]:
    kits = [data, data / "VOCdevkit"]
    return [
        path for kit in kits if kit.is_dir() for path in sorted(kit.iterdir()) if re.fullmatch(r"VOC\d*", path.name)
    ]


def split_file(root: Path, split: str) -> Path:
    """Return the path of a split's list of images in the standard layout."""
    return root / "ImageSets" / "Main" / f"{split}.txt"


def read_list(path: Path) -> dict[int, str]:
    """Return the lines of a list that hold something, by their numbers, which count from 1.

    Raises:
        FileNotFoundError: there is no such list.
        ValueError: nothing is in it, or it is no text.
    """
    if not path.is_file():
        there = sorted(file.stem for file in path.parent.glob("*.txt"))
        raise FileNotFoundError(f"no list of images at {path}" + (f"; there are {', '.join(there)}" if there else ""))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8: {error}") from error
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), 1) if line.strip()}
    if not lines:
        raise ValueError(f"{path}: expected at least one image, found none")
    return lines


def listed_names(path: Path, annotations: Path) -> dict[int, str]:
    """Return the images of a list by their lines' numbers; it may be one of a single class ("name 1", "name -1").

    Names that end so themselves are told by their annotations.
    """
    lines = read_list(path)
    labeled = {number: _LABELED.fullmatch(line) for number, line in lines.items()}
    if all(labeled.values()) and not any((annotations / f"{line}.xml").is_file() for line in lines.values()):
        return {number: match.group(1) for number, match in labeled.items() if match is not None}
    return lines
