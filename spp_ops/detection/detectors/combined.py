"""Several detectors as one: all score all windows, and the surest boxes suppress the others' (paper, section 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.inputs import Prepared
from spp_ops.detection.detectors.postprocess import Candidates, select
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.features.regions import ScaledMaps
from spp_ops.detection.proposals import ProposalConfig


class CombinedDetector(Detector):
    """Detectors of the same classes, whose boxes are put together before non-maximum suppression.

    Windows are found once for all of them, and detectors with equal convolutions and scales share their maps. Where
    windows are learned, all look at what each proposes. Each keeps its own score threshold; the first one's IoU and
    number of boxes hold for the union.

    Attributes:
        detectors: as given.

    Args:
        detectors: two or more, on one device.

    Raises:
        ValueError: they differ in classes, in what their scores are (a probability says nothing beside a margin), or in
            the windows they look at.
    """

    def __init__(self, detectors: Sequence[SPPDetector]) -> None:
        if len(detectors) < 2:
            raise ValueError(f"detectors: expected two or more, got {len(detectors)}")
        for name in ("classes", "score", "proposals"):
            first, *others = (getattr(detector.config, name) for detector in detectors)
            for other in others:
                if other != first:
                    raise ValueError(f"detectors: expected the same {name} in all, got {first!r} and {other!r}")
        self.detectors = tuple(detectors)
        self._maps_of = [_first_with_same_maps(detectors, row) for row in range(len(detectors))]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the labels."""
        return self.detectors[0].classes

    @property
    def proposals(self) -> ProposalConfig:
        """Which windows are looked at where none are given."""
        return self.detectors[0].proposals

    def find(self, image: Prepared) -> Detections:
        """Find the objects in an image that has been read already."""
        pixels, windows = image
        if windows is not None and len(windows) == 0:
            return Detections.none(self.classes)
        own: dict[int, ScaledMaps] = {}
        for row, detector in enumerate(self.detectors):
            if self._maps_of[row] == row:
                own[row] = detector.maps(pixels)
        members = [(detector, own[source]) for detector, source in zip(self.detectors, self._maps_of, strict=True)]
        if windows is None:
            windows = torch.cat([detector.propose(pixels, maps)[0] for detector, maps in members])
        parts = [detector.candidates(pixels, windows, maps) for detector, maps in members]
        return select(Candidates.union(parts), self.detectors[0].config)


def _first_with_same_maps(detectors: Sequence[SPPDetector], row: int) -> int:
    return next(other for other in range(row + 1) if _same_maps(detectors[other], detectors[row]))


def _same_maps(one: SPPDetector, other: SPPDetector) -> bool:
    """Whether two detectors' maps of any image are the same, and lie alike under its windows."""
    fields = ("arch", "scales", "longest", "inset", "projection", "precision")
    if any(getattr(one.config, field) != getattr(other.config, field) for field in fields):
        return False
    mine, theirs = one.net.backbone.state_dict(), other.net.backbone.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
