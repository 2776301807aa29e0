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

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.staged.config import StagedConfig
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.engine.config import as_data
from spp_ops.engine.files import write_json

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
        "data": data_hash(images),
    }
    mine = json.loads(json.dumps(mine))  # as it will be read again
    if not file.is_file():
        write_json(file, mine)
        return
    if not resume:
        raise ValueError(f"out: {folder} holds a run already; give --resume to go on with it, or another folder")
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not the record of a run: {error}") from error
    complaint = difference(mine, there)
    if complaint is not None:
        raise ValueError(complaint)


def data_hash(images: Sequence[TrainingSample]) -> str:
    """A hash of names, objects and windows, in their order."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.path.name} {image.flipped}".encode())
        for tensor in (image.windows, image.objects, image.labels, image.difficult):
            digest.update(str(tuple(tensor.shape)).encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def difference(mine: Any, there: Any, name: str = "") -> str | None:
    """The first field in which two trees of plain data differ, as a line for the user; None where they agree."""
    if isinstance(mine, dict) and isinstance(there, dict):
        for key in [*mine, *(key for key in there if key not in mine)]:
            complaint = difference(mine.get(key), there.get(key), f"{name}.{key}" if name else key)
            if complaint is not None:
                return complaint
        return None
    return None if mine == there else f"{name}: the run to be resumed has {there!r}, got {mine!r}"
