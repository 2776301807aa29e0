"""The image of a run: its losses, the gradient that came through the operator, and the test, by epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spp_ops.engine.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def save_history_plot(path: str | os.PathLike[str], history: Sequence[dict[str, float]], title: str) -> None:
    """Draw a run's records; the format follows the ending."""
    from matplotlib.figure import Figure

    tested = any("val_map" in record for record in history)
    figure = Figure(figsize=(11 if tested else 8, 3.4), layout="constrained")
    axes = list(figure.subplots(1, 3 if tested else 2))
    _draw(axes[0], history, {"class_loss": "classes", "box_loss": "boxes"})
    axes[0].set_ylabel("training loss")
    axes[0].legend(frameon=False, fontsize=8)
    _draw(axes[1], history, {"gradient": ""})
    axes[1].set_ylabel("gradient norm, last convolution")
    if tested:
        _draw(axes[2], history, {"val_map": ""})
        axes[2].set_ylabel("validation mAP in %")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _draw(axes: Axes, history: Sequence[dict[str, float]], names: dict[str, str]) -> None:
    from matplotlib.ticker import MaxNLocator

    for name, label in names.items():
        points = [(record["epoch"], record[name]) for record in history if name in record]
        axes.plot(*zip(*points, strict=True), "o-", ms=3, linewidth=1.2, label=label)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
