"""What a set holds, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.labeled import LabeledImages, TaggedImages
from spp_ops.datasets.problems import Problems

_NAMED = 3  # images
_CLASSES = 8


def detection_summary(images: DetectionImages, title: str, problems: Problems) -> str:
    """Return images, objects a class, what was mended or left out, and the first few names, as one line."""
    labels = Counter(label for objects in images.objects for label in objects.labels.tolist())
    empty = sum(len(objects) == 0 for objects in images.objects)
    without = f" ({empty} without objects)" if empty else ""
    counts = [(name, labels[label]) for label, name in enumerate(images.classes)]
    parts = [f"{title}: {_count(len(images), 'image')}{without}", f"objects: {_counted(counts)}"]
    return "; ".join([*parts, *_findings(problems), _first(images.names)])


def folder_summary(images: LabeledImages, title: str, problems: Problems) -> str:
    """Return images a class, what was mended or left out, and the first few names, as one line."""
    labels = Counter(images.labels)
    counts = [(name, labels[label]) for label, name in enumerate(images.classes)]
    parts = [f"{title}: {_count(len(images), 'image')}", _counted(counts)]
    names = [f"{images.classes[label]}/{path.name}" for path, label in zip(images.paths, images.labels, strict=True)]
    return "; ".join([*parts, *_findings(problems), _first(names)])


def tag_summary(images: TaggedImages, title: str) -> str:
    """Return images, those that show each class, and the first few names, as one line."""
    counts = [(name, int((column == 1).sum())) for name, column in zip(images.classes, images.tags.T, strict=True)]
    names = [path.name for path in images.paths]
    return "; ".join([f"{title}: {_count(len(images), 'image')}", _counted(counts), _first(names)])


def names_summary(names: Sequence[str], noun: str = "image") -> str:
    """Return how many images there are, and the first few names, as one line."""
    return f"{_count(len(names), noun)}; {_first(names)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _counted(counts: Sequence[tuple[str, int]]) -> str:
    shown = counts if len(counts) <= _CLASSES else sorted(counts, key=lambda each: -each[1])[:_CLASSES]
    more = f" and {len(counts) - len(shown)} classes more" if len(shown) < len(counts) else ""
    return ", ".join(f"{name} {number}" for name, number in shown) + more or "none"


def _findings(problems: Problems) -> list[str]:
    mended = sum(map(len, problems.mended.values()))
    found = [f"mended: {mended}"] if mended else []
    return found + ([f"left out: {len(problems.lines)}"] if problems.lines else [])


def _first(names: Sequence[str]) -> str:
    return f"first: {', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}"
