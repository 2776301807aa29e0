"""How good detections are: as tables beside the paper's, as curves, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.evaluation.evaluate import DetectionEvaluation
from spp_ops.detection.evaluation.paper import DATA_NOTE, rows_for
from spp_ops.engine.config import as_data
from spp_ops.engine.files import atomic_write
from spp_ops.engine.fonts import show_literally
from spp_ops.engine.text import literal

if TYPE_CHECKING:
    from rich.table import Table

_NAMED_CURVES = 20  # with more classes a legend says nothing


def evaluation_table(
    evaluation: DetectionEvaluation, configs: Sequence[DetectorConfig], data: str, *, paper: bool = False
) -> Table:
    """Return the mean average precisions.

    Args:
        evaluation: of the detections.
        configs: of the detector, or of all that are combined.
        data: its name.
        paper: whether to set the paper's of the same setting, which are of other data, below them.
    """
    from rich.table import Table

    images = f"{evaluation.images} images, {len(evaluation.classes)} classes"
    table = Table(
        title=literal(f"{data}: {images}; mean average precision in %, IoU {evaluation.iou:g}"),
        caption=f"paper: {DATA_NOTE}" if paper else None,
    )
    table.add_column("detector")
    for name in ("11-point", "all points", "COCO", "COCO 50", "COCO 75"):
        table.add_column(name, justify="right")
    coco = evaluation.coco
    means = (evaluation.eleven_point, evaluation.all_points, coco.ap, coco.ap50, coco.ap75)
    table.add_row(literal(" + ".join(map(_name, configs)), "bold"), *map(_percent, means))
    for row in rows_for(configs) if paper else ():
        table.add_row(f"paper: {row.method}", f"{row.mean_ap:.1f}", "-", "-", "-", "-", style="dim")
    return table


def class_table(evaluation: DetectionEvaluation) -> Table:
    """Return the average precisions of each class, and how many of its objects are found."""
    from rich.table import Table

    table = Table("class", title=f"average precision of each class in %, IoU {evaluation.iou:g}")
    for name in ("objects", "found", "11-point", "all points", "COCO"):
        table.add_column(name, justify="right")
    for name, curve, coco in zip(evaluation.classes, evaluation.curves, evaluation.coco.class_ap, strict=True):
        found = int(curve.hits[-1]) if len(curve.hits) else 0
        figures = (curve.eleven_point, curve.all_points, coco)
        table.add_row(literal(name), str(curve.positives), str(found), *map(_percent, figures))
    return table


def evaluation_data(
    evaluation: DetectionEvaluation, configs: Sequence[DetectorConfig], seconds_an_image: dict[str, float]
) -> dict[str, Any]:
    """Return the figures with what they were measured with, for JSON.

    Args:
        evaluation: of the detections.
        configs: of the detector, or of all that are combined.
        seconds_an_image: what took how long.
    """
    return {
        "detectors": [as_data(config) for config in configs],
        **evaluation.as_data(),
        "seconds_an_image": seconds_an_image,
        "paper": [{"method": row.method, "mean_ap_11_point": row.mean_ap / 100} for row in rows_for(configs)],
    }


def save_curves(path: Path, evaluation: DetectionEvaluation) -> None:
    """Draw precision over recall, a curve a class. The format follows the path's ending."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots()
    names: list[str] = []
    for name, curve in zip(evaluation.classes, evaluation.curves, strict=True):
        if curve.positives:
            first = curve.precision[:1]  # holds from recall 0 on
            recall, precision = np.append(0 * first, curve.recall), np.append(first, curve.precision)
            axes.plot(recall, precision, linewidth=1.4, label=f"class {len(names)}")
            names.append(f"{name} {_percent(curve.eleven_point)}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"mAP {_percent(evaluation.eleven_point)} % (11-point, IoU {evaluation.iou:g})")
    axes.grid(alpha=0.3)
    if 0 < len(names) <= _NAMED_CURVES:
        legend = figure.legend(loc="outside right upper", fontsize=8)
        for entry, name in zip(legend.get_texts(), names, strict=True):
            show_literally(entry, name)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _name(config: DetectorConfig) -> str:
    count = len(config.scales)
    return f"{config.arch}, {count} scale{'s' * (count > 1)}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"
