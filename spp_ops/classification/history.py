"""The image of a run: loss and error by epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence

from spp_ops.engine.files import atomic_write


def save_history_plot(path: str | os.PathLike[str], history: Sequence[dict[str, float]], title: str) -> None:
    """Draw the loss and the validation error by epoch, with a mark for each size; the format follows the ending."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [record["epoch"] for record in history]
    left.plot(epochs, [record["train_loss"] for record in history], color="#3b6ea8", linewidth=1.2)
    for size in sorted({record["size"] for record in history}):
        of_size = [record for record in history if record["size"] == size]
        label = f"{size:.0f} x {size:.0f}"
        left.plot(*zip(*((r["epoch"], r["train_loss"]) for r in of_size), strict=True), "o", ms=4, label=label)
    left.set_ylabel("training loss")
    left.legend(frameon=False, title="input", fontsize=8)
    tested = [record for record in history if "val_error" in record]
    right.plot([r["epoch"] for r in tested], [r["val_error"] for r in tested], "o-", color="#e07b39", ms=4)
    right.set_ylabel("validation top-1 error in %")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=120)
