"""The file that holds all of a run: RUN/checkpoint.pt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.config import from_data as detector_from_data
from spp_ops.detection.joint.config import JointConfig, joint_from_data
from spp_ops.engine.checkpoint import FILE_NAME, read_checkpoint, write_checkpoint

_FORMAT = "spp_ops joint detector 1"


@dataclass(frozen=True)
class JointCheckpoint:
    """All that a run is at some step.

    Attributes:
        detector: what is trained.
        training: how.
        data: `spp_ops.detection.sampling.data_hash` of what it is trained on.
        model: the network's tensors by name.
        average: the moving average of them; None where none is kept.
        progress: what `Trainer.state` gives.
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
        write_checkpoint(folder / FILE_NAME, self, _FORMAT)

    @staticmethod
    def load(folder: str | os.PathLike[str]) -> JointCheckpoint:
        """Read a run's folder. No code in the file is run.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else.
        """
        return read_checkpoint(folder, "joint training", _FORMAT, _build)


def _build(content: dict[str, Any]) -> JointCheckpoint:
    return JointCheckpoint(
        detector_from_data(content["detector"]),
        joint_from_data(content["training"]),
        content["data"],
        content["model"],
        content["average"],
        content["progress"],
        content["history"],
    )
