"""Where the files of a YOLO set are: by its data.yaml or darknet's obj.data, or by its folders.

Folders: ``images/train`` and ``labels/train``; ``train/images`` and ``train/labels`` (Roboflow); ``images`` and
``labels``; or labels beside the images (darknet, labelImg). Names of classes: of data.yaml, obj.names, classes.txt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spp_ops.datasets.image_files import image_files, is_file, spellings
from spp_ops.datasets.problems import Problems
from spp_ops.datasets.splits import SPLITS, same_split

_NAMES = ("classes.txt", "obj.names", "classes.names", "labels/classes.txt", "predefined_classes.txt")
_BESIDE_IMAGES = (".txt", ".cache", ".npy", ".yaml", ".yml", ".data", ".names", ".md")  # what belongs to a set
_SPLIT_KEYS = ("train", "val", "valid", "test")
_NO_LABELS = frozenset({"classes.txt", "readme.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "notes.txt"})


@dataclass(frozen=True)
class YoloSet:
    """A set.

    Attributes:
        where: its file or folder.
        root: what its paths are relative to, the likeliest first.
        sources: of each split (None: the one of a set without): folders of images, or lists of them.
        names: of the classes by their numbers; None: not told.
        keypoints: labels hold points after the box.
    """

    where: Path
    root: tuple[Path, ...]
    sources: dict[str | None, tuple[str, ...]]
    names: Mapping[int, str] | None
    keypoints: bool = False

    def place(self, told: str) -> Path | None:
        """Return the folder or file of a path as the set gives it; None: it is not there.

        Roboflow's and CVAT's paths begin with folders that the set was in once: these are left away one by one.
        """
        parts = [part for part in told.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        least = 1 if parts and "." in parts[-1] else 2  # a folder's name alone says too little
        shorter = ["/".join(parts[first:]) for first in range(max(len(parts) - least + 1, 1))]
        for root in self.root:
            for name in dict.fromkeys((told, *shorter)):
                for spelling in spellings(name):
                    if (root / spelling).is_dir() or is_file(root / spelling):
                        return root / spelling
        return None


def find_yolo(data: Path) -> YoloSet | None:
    """Return the set of a data.yaml, an obj.data or a folder; None: it is none.

    Raises:
        ValueError: its data.yaml is not as expected.
    """
    if data.suffix.lower() in (".yaml", ".yml"):
        return _of_yaml(data)
    if data.suffix.lower() == ".data" and data.is_file():
        return _of_darknet(data)
    if not data.is_dir():
        return None
    files = [*sorted(data.glob("*.yaml")), *sorted(data.glob("*.yml"))]
    of_yaml = next((found for path in files if (found := _of_yaml(path, asked=False)) is not None), None)
    if of_yaml is not None:
        return of_yaml
    darknet = next(iter(sorted(data.glob("*.data"))), None)
    return _of_darknet(darknet) if darknet is not None else _of_folders(data)


def label_file(image: Path) -> Path:
    """The label file of an image: in the folder `labels` beside its folder `images`, or beside the image."""
    parts = image.with_suffix(".txt").parts
    folders = [row for row, part in enumerate(parts[:-1]) if part.lower() == "images"]
    if folders:
        there = Path(*parts[: folders[-1]], "labels", *parts[folders[-1] + 1 :])
        if there.is_file() or there.parent.is_dir():
            return there
    return image.with_suffix(".txt")


def _of_yaml(path: Path, *, asked: bool = True) -> YoloSet | None:
    """Read a data.yaml; one that was not asked for by name may be something else."""
    import yaml

    try:
        # Texts as they are: class names such as "no" or 1.0 are no truth values and numbers.
        content: Any = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        if not asked:
            return None
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    splits = [key for key in _SPLIT_KEYS if isinstance(content, dict) and content.get(key)]
    if not splits or "names" not in content:
        if not asked:
            return None
        raise ValueError(f"{path}: expected names and one of train, val and test")
    told = content.get("path")
    bases = [path.parent / told, Path(told), path.parent] if isinstance(told, str) and told else [path.parent]
    sources: dict[str | None, tuple[str, ...]] = {key: _texts(content[key], path, key) for key in splits}
    return YoloSet(path, tuple(bases), sources, _names(content["names"], path), "kpt_shape" in content)


def _texts(value: Any, path: Path, key: str) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()
    if not found or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{path}: {key}: expected a path or a list of them, got {value!r}")
    return found


def _names(value: Any, path: Path) -> dict[int, str]:
    try:
        rows = value.items() if isinstance(value, dict) else enumerate(value)
        found = {int(number): name for number, name in rows}
    except (TypeError, ValueError):
        found = {}
    if not found or isinstance(value, str) or not all(isinstance(name, str) for name in found.values()):
        raise ValueError(f"{path}: names: expected the names of classes, got {value!r}")
    return dict(sorted(found.items()))


def _of_darknet(path: Path) -> YoloSet:
    pairs = [line.partition("=") for line in path.read_text(encoding="utf-8-sig").splitlines()]
    told = {key.strip(): value.strip() for key, mark, value in pairs if mark}
    sources: dict[str | None, tuple[str, ...]] = {key: (told[key],) for key in _SPLIT_KEYS if told.get(key)}
    found = YoloSet(path, (path.parent, path.parent.parent), sources, None)
    names = found.place(told["names"]) if told.get("names") else None
    there = {split: paths for split, paths in found.sources.items() if found.place(paths[0]) is not None}
    return YoloSet(path, found.root, there or found.sources, None if names is None else _read_names(names))


def _of_folders(data: Path) -> YoloSet | None:
    splits: dict[str | None, tuple[str, ...]] = {}
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        if _names_split(folder.name) and _has_labels(folder / "labels"):
            splits[folder.name] = (f"{folder.name}/images",)
        elif _names_split(folder.name) and _has_labels(folder):
            splits[folder.name] = (folder.name,)
    for folder in sorted(path for path in (data / "labels").glob("*") if path.is_dir()):
        if _names_split(folder.name) and _has_labels(folder):
            splits[folder.name] = (f"images/{folder.name}",)
    if not splits and _has_labels(data / "labels"):
        splits = {None: ("images",) if (data / "images").is_dir() else ("",)}
    if not splits and _has_labels(data):
        splits = {None: ("",)}
    if not splits:
        return None
    names = next((data / name for name in _NAMES if (data / name).is_file()), None)
    return YoloSet(data, (data,), splits, None if names is None else _read_names(names))


def _has_labels(folder: Path) -> bool:
    """Say whether a folder has a label file, and images here or in the folder that goes with it."""
    if not folder.is_dir():
        return False
    labels = (path for path in sorted(folder.glob("*.txt")) if path.name.lower() not in _NO_LABELS)
    return any(_looks_like_labels(path) for path in list(labels)[:20])


def _looks_like_labels(path: Path) -> bool:
    try:
        line = next((line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()), "")
        words = [float(word) for word in line.split()]
    except (ValueError, OSError):
        return False
    return len(words) >= 5 and words[0] == int(words[0]) and all(abs(word) <= 2 for word in words[1:5])


def _read_names(path: Path) -> dict[int, str]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    return dict(enumerate(line for line in lines if line)) or {0: "0"}


def _names_split(name: str) -> bool:
    return any(same_split(name, split) for split in SPLITS)


def images_of(found: YoloSet, split: str | None, problems: Problems) -> dict[Path, str]:
    """The image files of a split, each with where it is told of; `problems` take what else is in their folders.

    Raises:
        ValueError: the split is not there, or its folder or list.
    """
    if split not in found.sources:
        there = ", ".join(str(name) for name in found.sources)
        raise ValueError(f"{found.where}: no split {split}; there are {there}")
    images: dict[Path, str] = {}
    for told in found.sources[split]:
        place = found.place(told)
        if place is None:
            raise ValueError(f"{found.where}: {split}: no folder or list of images at {found.root[0] / told}")
        if place.is_dir():
            images |= {path: str(path) for path in image_files(place, problems, _BESIDE_IMAGES, below=True)}
            continue
        inside = YoloSet(found.where, (place.parent, *found.root), {}, None)
        for number, line in enumerate(place.read_text(encoding="utf-8-sig").splitlines(), 1):
            if line.strip():
                name = line.strip()
                images[inside.place(name) or place.parent / name] = f"{place}:{number}"
    return images
