"""The paper's classification results (ImageNet 2012 validation: 50,000 images, 1,000 classes), errors in percent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from spp_ops.classification.config import NetworkConfig, TrainingConfig
from spp_ops.classification.views import Views

Method: TypeAlias = Literal["no SPP", "SPP, single-size", "SPP, multi-size"]
METHODS: tuple[Method, ...] = ("no SPP", "SPP, single-size", "SPP, multi-size")
DATA_NOTE = "ImageNet 2012 validation, 1,000 classes"


@dataclass(frozen=True)
class PaperRow:
    """One printed result; a number that the paper does not give is None."""

    arch: str
    method: Method
    views: str
    top1: float
    top5: float | None


_TEN_VIEWS = {  # top-1, top-5 of METHODS in turn (table 2)
    "zf5": ((35.99, 14.76), (34.98, 14.14), (34.60, 13.64)),
    "convnet5": ((34.93, 13.92), (34.38, 13.54), (33.94, 13.33)),
    "overfeat5": ((34.13, 13.52), (32.87, 12.80), (32.26, 12.33)),
    "overfeat7": ((32.01, 11.97), (30.36, 11.12), (29.68, 10.95)),
}

ROWS: tuple[PaperRow, ...] = (
    *(
        PaperRow(arch, method, "10", *errors)
        for arch, all_errors in _TEN_VIEWS.items()
        for method, errors in zip(METHODS, all_errors, strict=True)
    ),
    # One view (table 3).
    PaperRow("zf5", "SPP, single-size", "crop", 38.01, None),
    PaperRow("zf5", "SPP, single-size", "full", 37.55, None),
    PaperRow("zf5", "SPP, multi-size", "crop", 37.57, None),
    PaperRow("zf5", "SPP, multi-size", "full", 37.07, None),
    PaperRow("overfeat7", "SPP, single-size", "crop", 33.18, None),
    PaperRow("overfeat7", "SPP, single-size", "full", 32.72, None),
    PaperRow("overfeat7", "SPP, multi-size", "crop", 32.57, None),
    PaperRow("overfeat7", "SPP, multi-size", "full", 31.25, None),
    PaperRow("overfeat7", "SPP, multi-size", "96+2", 27.86, 9.14),
)


def method_of(network: NetworkConfig, training: TrainingConfig) -> Method:
    """Return the paper's name for how a network was made."""
    if network.levels is None:
        return "no SPP"
    return "SPP, multi-size" if training.multi_size else "SPP, single-size"


def rows_for(network: NetworkConfig, training: TrainingConfig, views: Views) -> list[PaperRow]:
    """Return the paper's results of the same views and method: of the same network, or of all where it has none."""
    method = method_of(network, training)
    same = [row for row in ROWS if row.views == views.name and row.method == method]
    return [row for row in same if row.arch == network.arch] or same


@dataclass(frozen=True)
class PaperTransferRow:
    """One printed result of features and linear SVMs, in percent."""

    task: Literal["voc", "folders"]
    network: str
    layer: str
    view: str
    result: float


TRANSFER_NOTE = {
    "voc": "Pascal VOC 2007 classification, mAP",
    "folders": "Caltech101, 30 training and up to 50 test images a class, mean class accuracy",
}

TRANSFER_ROWS: tuple[PaperTransferRow, ...] = (
    PaperTransferRow("voc", "ZF-5 without SPP", "fc7", "crop 224", 75.90),
    PaperTransferRow("voc", "ZF-5", "fc7", "crop 224", 76.45),
    PaperTransferRow("voc", "ZF-5", "fc7", "full 224", 78.39),
    PaperTransferRow("voc", "ZF-5", "fc7", "full 392", 80.10),
    PaperTransferRow("voc", "Overfeat-7", "fc7", "full 364", 82.44),
    PaperTransferRow("folders", "ZF-5", "spp", "full 224", 91.44),
    PaperTransferRow("folders", "Overfeat-7", "spp", "full 224", 93.42),
    PaperTransferRow("folders", "ZF-5", "fc7", "full 224", 87.08),
    PaperTransferRow("folders", "Overfeat-7", "fc7", "full 224", 90.00),
)
