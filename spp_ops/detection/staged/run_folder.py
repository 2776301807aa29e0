"""A staged run's folder: one record of all its settings, and an artifact a stage.

``staged.json`` is written first: ``format``, ``kind`` (SPP-net or R-CNN), ``detector`` and ``staged`` (the two records
of settings) and ``data``, a hash of the images, objects and windows. A run is only ever resumed with equal ones, so
that an artifact that is there is the one that the stage would make again. The artifacts:

* ``maps/*.safetensors`` (or another folder, shared by runs): see `maps`. R-CNN has ``rows/*.safetensors`` instead: see
  `kept_rows`.
* ``finetune-checkpoint.safetensors``, ``finetune.safetensors``: see `finetune`.
* ``svms.safetensors``, ``svms.json``: see `mining`.
* ``boxes.safetensors``: see `box_regression`.
* ``detector.json``, ``detector.safetensors``: what `SPPDetector.load` reads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.config import from_data as detector_from_data
from spp_ops.detection.sampling import data_hash
from spp_ops.detection.staged.config import StagedConfig, staged_from_data
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.engine.config import as_data, difference
from spp_ops.engine.files import write_json
from spp_ops.engine.run_folder import found_run

FILE_NAME = "staged.json"
_FORMAT = 1


def claim(
    folder: Path,
    kind: str,
    detector: DetectorConfig,
    config: StagedConfig,
    images: Sequence[TrainingSample],
    *,
    resume: bool,
) -> None:
    """Begin a run in a folder, or go on with the one that is there.

    Raises:
        ValueError: it holds a run that is not to be resumed, or one of other settings or data; or its record is
            damaged.
    """
    file = folder / FILE_NAME
    mine = {
        "format": _FORMAT,
        "kind": kind,
        "detector": as_data(detector),
        "staged": as_data(config),
        "data": _hash(images),
    }
    if not found_run(file, resume=resume):
        write_json(file, mine)
        return
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
        # Fields have the names of today, whatever they were called when the run began.
        there["detector"] = as_data(detector_from_data(there["detector"]))
        there["staged"] = as_data(staged_from_data(there["staged"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} is not the record of a run: {error}") from error
    complaint = difference(mine, there)
    if complaint is not None:
        raise ValueError(complaint)


def _hash(images: Sequence[TrainingSample]) -> str:
    return data_hash(
        (
            f"{image.path.name} {image.flipped}",
            [part.numpy() for part in (image.windows, image.objects, image.labels, image.difficult)],
        )
        for image in images
    )
