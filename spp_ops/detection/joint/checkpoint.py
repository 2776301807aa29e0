"""The file that holds all of a run: RUN/checkpoint.pt."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.config import from_data as detector_from_data
from spp_ops.detection.joint.config import JointConfig, from_data
from spp_ops.detection.proposals import Boxes
from spp_ops.engine.config import as_data
from spp_ops.engine.files import atomic_write

FILE_NAME = "checkpoint.pt"
_FORMAT = "spp_ops joint detector 1"


@dataclass(frozen=True)
class JointCheckpoint:
    """All that a run is at some step.

    Attributes:
        detector: what is trained.
        training: how.
        data: `data_hash` of what it is trained on.
        model: the network's tensors by name.
        average: the moving average of them; None where none is kept.
        progress: what `JointTrainer.state` gives.
        history: a record an epoch.
    """

    detector: DetectorConfig
    training: JointConfig
    data: str
    model: dict[str, Tensor]
    average: dict[str, Tensor] | None
    progress: dict[str, Any]
    history: list[dict[str, float]]

    def save(self, folder: Path) -> None:
        """Write the file into a run's folder, atomically."""
        content = {
            "format": _FORMAT,
            "detector": as_data(self.detector),
            "training": as_data(self.training),
            "data": self.data,
            "model": self.model,
            "average": self.average,
            "progress": self.progress,
            "history": self.history,
        }
        with atomic_write(folder / FILE_NAME) as temporary:
            torch.save(content, temporary)

    @staticmethod
    def load(folder: str | os.PathLike[str]) -> JointCheckpoint:
        """Read a run's folder. No code in the file is run.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else.
        """
        file = Path(folder) / FILE_NAME
        if not file.is_file():
            raise FileNotFoundError(f"no checkpoint of a training run at {file}")
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']!r}, expected {_FORMAT!r}")
            return JointCheckpoint(
                detector_from_data(content["detector"]),
                from_data(content["training"]),
                content["data"],
                content["model"],
                content["average"],
                content["progress"],
                content["history"],
            )
        except Exception as error:  # torch's reader raises whatever damaged bytes lead it into
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{file} is not a checkpoint of joint training: {reason}") from error


def data_hash(images: DetectionImages, windows: Sequence[Boxes]) -> str:
    """A hash of images' names, objects and windows, in their order."""
    digest = hashlib.sha256()
    for path, objects, boxes in zip(images.paths, images.objects, windows, strict=True):
        digest.update(path.name.encode())
        for array in (objects.boxes, objects.labels, objects.difficult, boxes):
            digest.update(str(array.shape).encode() + array.tobytes())
    return digest.hexdigest()
