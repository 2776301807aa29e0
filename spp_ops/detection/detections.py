"""What a detector finds in one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

if TYPE_CHECKING:
    import supervision as sv

_LAST_PIXEL = np.array([0, 0, 1, 1], np.float32)  # boxes here have it inside, supervision's end after it


@dataclass(frozen=True)
class Detections:
    """Objects found in one image, K of them.

    Attributes:
        boxes: float32 [K, 4] x1, y1, x2, y2 in 0-based pixels of the upright image, last pixels included.
        scores: float32 [K], the higher the surer; comparable within a class.
        labels: int64 [K], the class of each, counted from 0.
        classes: the classes' names.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.scores)
        if self.boxes.shape != (count, 4) or self.scores.shape != (count,) or self.labels.shape != (count,):
            shapes = ", ".join(str(list(array.shape)) for array in (self.boxes, self.scores, self.labels))
            raise ValueError(f"detections: expected boxes [K, 4], scores [K] and labels [K], got {shapes}")
        if count and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.classes):
            raise ValueError(f"labels: expected 0 to {len(self.classes) - 1}, got {sorted(set(self.labels.tolist()))}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls, classes: tuple[str, ...]) -> Detections:
        """Nothing found."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), classes)

    @classmethod
    def from_data(cls, data: Sequence[Mapping[str, Any]], classes: tuple[str, ...]) -> Detections:
        """Invert `as_data`."""
        return cls(
            np.array([each["box"] for each in data], np.float32).reshape(-1, 4),
            np.array([each["score"] for each in data], np.float32),
            np.array([classes.index(each["class"]) for each in data], np.int64),
            classes,
        )

    @classmethod
    def from_supervision(cls, found: sv.Detections, classes: tuple[str, ...]) -> Detections:
        """Read detections of the library supervision.

        Args:
            found: with ``confidence``, and ``class_id``, which counts `classes`; its boxes end at the pixel after the
                last.
            classes: the classes' names.

        Raises:
            ValueError: it has no confidence or class_id, or they are not of these classes.
        """
        if found.confidence is None or found.class_id is None:
            raise ValueError("found: expected detections with confidence and class_id")
        boxes = np.asarray(found.xyxy, np.float32).reshape(-1, 4) - _LAST_PIXEL
        labels = np.asarray(found.class_id, np.int64)
        return cls(boxes, np.asarray(found.confidence, np.float32), labels, classes)

    def as_supervision(self) -> sv.Detections:
        """The same for the library supervision, which must be installed: for its annotators, trackers and metrics.

        Its boxes end at the pixel after the last; ``data["class_name"]`` has the names.
        """
        import supervision

        return supervision.Detections(
            xyxy=self.boxes + _LAST_PIXEL,
            confidence=self.scores,
            class_id=self.labels,
            data={"class_name": np.array(self.class_names, dtype=str)},
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class of each detection, by name."""
        return tuple(self.classes[label] for label in self.labels.tolist())

    def tensors(self, device: torch.device | str | None = None) -> dict[str, Tensor]:
        """The same as "boxes", "scores" and "labels", tensors on a device; what torchvision's detectors give."""
        named = {"boxes": self.boxes, "scores": self.scores, "labels": self.labels}
        return {name: torch.from_numpy(values).to(device) for name, values in named.items()}

    def as_data(self) -> list[dict[str, Any]]:
        """Plain data for JSON: one mapping a detection, in their order."""
        rows = zip(self.class_names, self.scores.tolist(), self.boxes.tolist(), strict=True)
        return [{"class": name, "score": score, "box": box} for name, score, box in rows]
