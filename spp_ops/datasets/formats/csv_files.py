"""Where CSV files of boxes and their images are: one file, one a split, or one in each split's folder."""

from __future__ import annotations

from pathlib import Path

from spp_ops.datasets.splits import SPLITS, same_split

_ENDS = ("_annotations", "_labels", "_boxes", "annotations", "labels")


def find_csv(data: Path) -> dict[str | None, tuple[Path, tuple[Path, ...]]]:
    """Return the files of a set by their splits, each with the folders that may hold its images."""
    if data.suffix.lower() == ".csv":
        return {None: (data, _folders(data, data.parent, None))}
    if not data.is_dir():
        return {}
    found: dict[str | None, tuple[Path, tuple[Path, ...]]] = {}
    for folder in (data, *sorted(path for path in data.iterdir() if path.is_dir())):
        for path in sorted(folder.glob("*.csv")):
            if "class" in path.stem.lower():  # RetinaNet's list of the classes' names
                continue
            split = _split_of(path) if folder == data else folder.name if _names_split(folder.name) else None
            if folder == data or split is not None:
                found.setdefault(split, (path, _folders(path, data, split)))
    if len(found) > 1:
        found.pop(None, None)
    return found


def _split_of(path: Path) -> str | None:
    name = path.stem
    for end in _ENDS:
        name = name.removesuffix(end)
    return name if _names_split(name) else None


def _names_split(name: str) -> bool:
    return any(same_split(name, split) for split in SPLITS)


def _folders(path: Path, data: Path, split: str | None) -> tuple[Path, ...]:
    names = [] if split is None else [f"images/{split}", split]
    folders = [root / place for root in (path.parent, data) for place in (*names, "", "images", "JPEGImages")]
    return tuple(folder for folder in dict.fromkeys(folders) if folder.is_dir())
