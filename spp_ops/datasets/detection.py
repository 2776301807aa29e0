"""Images with the boxes of their objects."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Objects:
    """The objects of one image, G of them, in the order of the file that lists them.

    Attributes:
        boxes: float32 [G, 4] x1, y1, x2, y2 in 0-based pixels of the upright image, last pixels included.
        labels: int64 [G], the class of each, counted from 0.
        difficult: bool [G]: neither to be found nor held against a detector that finds it (COCO: a crowd).
        areas: float64 [G], pixels of the objects themselves, by which COCO tells small ones from large; None: the
            boxes' areas.
    """

    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    difficult: npt.NDArray[np.bool_]
    areas: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        count = len(self.labels)
        if self.boxes.shape != (count, 4) or self.labels.shape != (count,) or self.difficult.shape != (count,):
            shapes = ", ".join(str(list(array.shape)) for array in (self.boxes, self.labels, self.difficult))
            raise ValueError(f"objects: expected boxes [G, 4], labels [G] and difficult [G], got {shapes}")
        if self.areas is not None and self.areas.shape != (count,):
            raise ValueError(f"areas: expected [{count}], got {list(self.areas.shape)}")

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def none(cls) -> Objects:
        """No objects."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.bool_))


@dataclass(frozen=True)
class DetectionImages:
    """Images of objects, any number of them each.

    Attributes:
        paths: one file an image.
        names: Pascal VOC's name of each image, or its file's stem.
        ids: COCO's image ids, whatever they are, or 0, 1, ...
        objects: what each image shows.
        classes: the classes' names.
    """

    paths: tuple[Path, ...]
    names: tuple[str, ...]
    ids: tuple[Hashable, ...]
    objects: tuple[Objects, ...]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        counts = {len(self.paths), len(self.names), len(self.ids), len(self.objects)}
        if len(counts) > 1:
            raise ValueError(f"detection images: expected as many paths, names, ids and objects, got {sorted(counts)}")

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, rows: Sequence[int]) -> DetectionImages:
        """Return the images of these rows, of the same classes."""
        return replace(
            self,
            paths=tuple(self.paths[row] for row in rows),
            names=tuple(self.names[row] for row in rows),
            ids=tuple(self.ids[row] for row in rows),
            objects=tuple(self.objects[row] for row in rows),
        )
