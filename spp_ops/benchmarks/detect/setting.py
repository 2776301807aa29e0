"""What detectors are timed on: a detector, and a few photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from spp_ops.datasets.image_files import image_files
from spp_ops.datasets.problems import Problems
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.proposer import ProposerConfig
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.proposals.config import LEARNED_LIMIT

SCALE = 400  # shorter side of the resized photo
WIDE = (4096, 4096)  # hidden layers of a head that is worth compressing
LARGE = 4000, 3000  # pixels of the photo whose memory is measured: 12 megapixels
_ANCHORS = ProposerConfig(sizes=(48.0, 96.0, 160.0, 256.0), ratios=(0.5, 1.0, 2.0))


def learned_detector(weights: Path | None, seed: int) -> SPPDetector:
    """The detector that is timed, whose network proposes its windows.

    Args:
        weights: a run's folder; None: SqueezeNet at `SCALE` with random weights, which serve for time.
        seed: of these.

    Raises:
        ValueError: the run's detector has not learned to propose.
    """
    if weights is None:
        return random_detector(seed)
    detector = SPPDetector.load(weights)
    if detector.net.proposer is None:
        raise ValueError(f"{weights}: expected a detector with learned proposals, got one without")
    return detector.changed(proposals=learned_proposals(detector), scales=(SCALE,))


def random_detector(seed: int, hidden: tuple[int, ...] = ()) -> SPPDetector:
    """One of one class, with random weights."""
    torch.manual_seed(seed)
    proposals = ProposalConfig("learned", limit=LEARNED_LIMIT)
    config = DetectorConfig(("object",), hidden=hidden, scales=(SCALE,), proposals=proposals, proposer=_ANCHORS)
    return SPPDetector(config, config.build())


def learned_proposals(detector: SPPDetector) -> ProposalConfig:
    """The run's own number of windows where they are learned there, else the usual one."""
    own = detector.proposals
    return own if own.method == "learned" else replace(own, method="learned", limit=LEARNED_LIMIT, file=None)


def chosen_photos(data: Path | None, most: int, folder: Path) -> list[Path]:
    """Photos as files.

    Args:
        data: a folder with photos in it or below; None: the sample that comes with scikit-learn.
        most: so many, spread evenly over the folder's.
        folder: where the sample is written.

    Raises:
        ValueError: the folder holds none.
    """
    if data is None:
        return [_written(folder / "sample.jpg")]
    problems = Problems()
    files = image_files(data, problems, below=True)
    problems.finish()
    if not files:
        raise ValueError(f"photos: expected some in {data}, got none")
    rows = np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int)
    return [files[row] for row in dict.fromkeys(rows.tolist())]


def large_photo(photos: Sequence[Path], folder: Path) -> Path:
    """The first photo enlarged to 12 megapixels, as a JPEG file."""
    file = folder / "large.jpg"
    with Image.open(photos[0]) as image:
        image.convert("RGB").resize(LARGE).save(file, quality=90)
    return file


def _written(file: Path) -> Path:
    from sklearn.datasets import load_sample_image

    Image.fromarray(load_sample_image("china.jpg")).save(file, quality=92)
    return file
