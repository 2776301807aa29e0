"""Where COCO annotation files and their images are, in the folders that tools write.

One file alone, the images beside it or in a folder `images` (Label Studio). Roboflow: ``train/_annotations.coco.json``
and so on, images beside them. COCO and CVAT: ``annotations/instances_train2017.json``, images in ``train2017``,
``images/train2017`` or ``images``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spp_ops.datasets.splits import SPLITS, same_split

_BOXES = ("instances_", "_annotations.coco.json")  # files of these names go before others
_HEAD = 1 << 20  # bytes of a file in which its lists' names are looked for
_PREFIXES = ("instances_", "annotations_", "coco_", "_annotations.", "")


@dataclass(frozen=True)
class CocoFile:
    """An annotation file.

    Attributes:
        annotations: the file.
        folders: in which its images may be, the likeliest first.
    """

    annotations: Path
    folders: tuple[Path, ...]


def find_coco(data: Path) -> dict[str | None, CocoFile]:
    """Return the annotation files of a set by their splits; None: the one that names no split.

    Raises:
        ValueError: several files name the same split, or none.
    """
    if data.suffix.lower() == ".json":
        return {None: CocoFile(data, _folders(data, data.parent, None))} if data.parent.is_dir() else {}
    if not data.is_dir():
        return {}
    files: dict[str | None, list[Path]] = {}
    for file in _candidates(data):
        files.setdefault(_split_of(file, data), []).append(file)
    found: dict[str | None, CocoFile] = {}
    for split, named in files.items():
        of_boxes = [file for file in named if file.name.startswith(_BOXES)] or named
        if len(of_boxes) > 1:
            raise ValueError(f"{data}: expected one annotation file, found {', '.join(map(str, of_boxes))}; name one")
        found[split] = CocoFile(of_boxes[0], _folders(of_boxes[0], data, split))
    if len(found) > 1:
        found.pop(None, None)
    return found


def _candidates(data: Path) -> list[Path]:
    """Annotation files, but for those of other tasks."""
    folders = [data, data / "annotations", *sorted(path for path in data.iterdir() if path.is_dir())]
    files = [path for folder in dict.fromkeys(folders) if folder.is_dir() for path in sorted(folder.glob("*.json"))]
    other_tasks = ("captions_", "person_keypoints_", "panoptic_", "stuff_", "image_info_")
    return [path for path in files if not path.name.startswith(other_tasks) and _is_coco(path)]


def _is_coco(path: Path) -> bool:
    """Say whether a file looks like an annotation file, without reading all of a large one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        text = file.read(_HEAD)
        if size > _HEAD:
            file.seek(max(size - _HEAD, 0))
            text += file.read(_HEAD)
    large = size > 2 * _HEAD  # the names of lists may be in between
    return text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and (
        (b'"images"' in text and (b'"annotations"' in text or b'"categories"' in text))
        or (large and any(name in text for name in (b'"images"', b'"annotations"', b'"categories"')))
    )


def _split_of(file: Path, data: Path) -> str | None:
    if file.parent not in (data, data / "annotations"):
        return file.parent.name if _names_split(file.parent.name) else None
    for prefix in _PREFIXES:
        name = file.stem.removeprefix(prefix)
        if file.stem.startswith(prefix) and _names_split(name):
            return name
    return None


def _names_split(name: str) -> bool:
    return any(same_split(name, split) for split in SPLITS)


def _folders(file: Path, data: Path, split: str | None) -> tuple[Path, ...]:
    roots = dict.fromkeys(
        [file.parent, data, file.parent.parent] if file.parent.name == "annotations" else [file.parent, data]
    )
    names = [] if split is None else [f"images/{split}", split]
    places = [*names, "images", "images/default", ""]
    folders = [root / place if place else root for root in roots for place in places]
    return tuple(folder for folder in dict.fromkeys(folders) if folder.is_dir())
