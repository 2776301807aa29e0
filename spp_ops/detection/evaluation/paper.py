"""The paper's detection results (Pascal VOC 2007 test: 4,952 images, 20 classes), mAP in percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spp_ops.detection.detectors.config import DetectorConfig

DATA_NOTE = "Pascal VOC 2007 test, 20 classes"


@dataclass(frozen=True)
class PaperRow:
    """One printed result of ZF-5, or, for R-CNN, of AlexNet, with fine-tuned fully connected layers and SVMs."""

    method: str
    scales: int  # 0: R-CNN's squares
    boxes: bool  # corrected by regression
    combined: bool
    mean_ap: float


ROWS = (
    PaperRow("SPP-net, 1 scale", 1, False, False, 54.5),
    PaperRow("SPP-net, 5 scales", 5, False, False, 55.2),
    PaperRow("R-CNN", 0, False, False, 54.2),
    PaperRow("SPP-net, 1 scale, boxes", 1, True, False, 58.0),
    PaperRow("SPP-net, 5 scales, boxes", 5, True, False, 59.2),
    PaperRow("R-CNN, boxes", 0, True, False, 58.5),
    PaperRow("SPP-net, 5 scales, boxes, two combined", 5, True, True, 60.9),
)


def rows_for(configs: Sequence[DetectorConfig]) -> list[PaperRow]:
    """Return the paper's results of the setting nearest to a detector's, or to several combined; and R-CNN's."""
    boxes = any(config.box_input is not None for config in configs)
    if len(configs) > 1:
        return [row for row in ROWS if row.combined or (row.scales == 0 and row.boxes)]
    scales = 1 if len(configs[0].scales) == 1 else 5
    return [row for row in ROWS if not row.combined and row.boxes == boxes and row.scales in (0, scales)]
