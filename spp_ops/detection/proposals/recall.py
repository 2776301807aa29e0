"""What share of the objects the windows of a method cover: over the IoU asked for and over the number of windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from spp_ops.datasets.detection import Objects
from spp_ops.detection.boxes import box_iou
from spp_ops.detection.proposals.boxes import Boxes
from spp_ops.engine.files import atomic_write

if TYPE_CHECKING:
    from rich.table import Table

COUNTS = (10, 30, 100, 300, 1000, 3000)
IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
SHOWN_IOUS = (0.5, 0.7, 0.9)
_ROUNDING = 1e-6  # of an IoU in float32


@dataclass(frozen=True)
class Recall:
    """Recall of the first windows of each image; difficult objects do not count.

    Attributes:
        objects: how many there are.
        windows: an image, on average.
        counts: numbers of windows looked at; the last one is the most that any image has.
        shares: [counts, IoUs] of the objects that one of the windows covers with at least that IoU; NaN where there
            are no objects.
    """

    objects: int
    windows: float
    counts: tuple[int, ...]
    shares: npt.NDArray[np.float64]

    def as_data(self) -> dict[str, Any]:
        """Return plain data, for JSON; no numbers where there are no objects."""
        shares = self.shares.tolist() if self.objects else None
        return {
            "objects": self.objects,
            "windows_an_image": self.windows,
            "counts": self.counts,
            "ious": IOUS,
            "recall": shares,
        }


def measure_recall(windows: Sequence[Boxes], objects: Sequence[Objects]) -> Recall:
    """Hold each image's windows, the first ones first, against its objects."""
    most = max(map(len, windows), default=0)
    counts = (*(count for count in COUNTS if count < most), most)
    best = [_best_ious(rows, there, counts) for rows, there in zip(windows, objects, strict=True)]
    found = np.concatenate([np.zeros((len(counts), 0)), *best], axis=1)
    count = found.shape[1]
    covered = np.stack([(found >= iou - _ROUNDING).sum(axis=1) for iou in IOUS], axis=1)
    shares = covered / count if count else np.full(covered.shape, np.nan)
    return Recall(count, sum(map(len, windows)) / max(len(windows), 1), counts, shares)


def _best_ious(windows: Boxes, objects: Objects, counts: Sequence[int]) -> npt.NDArray[np.float64]:
    """[counts, objects]: the largest IoU of the first windows with each object."""
    boxes = objects.boxes[~objects.difficult]
    ious = box_iou(torch.from_numpy(windows), torch.from_numpy(boxes)).numpy()
    ious = np.concatenate([np.zeros((1, len(boxes))), ious])
    return np.stack([ious[: count + 1].max(axis=0) for count in counts])


def recall_table(recall: Recall, name: str) -> Table:
    """Return recall in percent, a row a number of windows."""
    from rich.table import Table

    from spp_ops.engine.text import literal

    table = Table(
        title=literal(f"{name}: {recall.objects} objects, {recall.windows:.0f} windows an image; recall in %")
    )
    table.add_column("windows", justify="right")
    for iou in SHOWN_IOUS:
        table.add_column(f"IoU {iou:g}", justify="right")
    table.add_column("mean of 0.5 to 0.95", justify="right")
    for count, shares in zip(recall.counts, recall.shares, strict=True):
        figures = [shares[IOUS.index(iou)] for iou in SHOWN_IOUS] + [shares.mean()]
        table.add_row(str(count), *(f"{100 * figure:.1f}" if recall.objects else "-" for figure in figures))
    return table


def save_recall(path: Path, recall: Recall) -> None:
    """Draw recall over IoU, a curve a number of windows, and over the number of windows. The ending says the format."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for count, shares in zip(recall.counts, recall.shares, strict=True):
        left.plot(IOUS, shares, linewidth=1.4, label=f"{count} windows")
    left.set(xlabel="IoU", ylabel="recall", xlim=(0.5, 0.95), ylim=(0, 1.02))
    for iou in SHOWN_IOUS:
        right.plot(recall.counts, recall.shares[:, IOUS.index(iou)], linewidth=1.4, marker="o", label=f"IoU {iou:g}")
    right.set(xlabel="windows an image", xscale="log", ylim=(0, 1.02))
    right.set_xticks(recall.counts, map(str, recall.counts), minor=False)
    right.minorticks_off()
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)
