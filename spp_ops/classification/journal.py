"""What a run tells while it goes on: progress bars, TensorBoard scalars, and a plot of its history."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from spp_ops.files import atomic_write

PLOT_NAME = "training.png"


class Journal:
    """Shows and records a run; a context manager. Only the first of several processes is to tell anything.

    Args:
        folder: gets TensorBoard's files.
        console: gets the bars, where it is a terminal, and a line an epoch.
        epochs: of the run.
        step: at which the run starts or goes on; what TensorBoard has of later ones is dropped.
        active: whether to tell anything.
    """

    def __init__(self, folder: Path, console: Console, epochs: int, step: int = 0, active: bool = True) -> None:
        columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        last = TimeRemainingColumn(), TextColumn("{task.fields[note]}")
        self._bars = Progress(*columns, *last, console=console, transient=True, disable=not active)
        self._epochs = self._bars.add_task("epochs", total=epochs, note="")
        self._steps = self._bars.add_task("training", total=None, note="")
        self._console = console
        self._scalars = SummaryWriter(str(folder), purge_step=step) if active else None

    def begin_epoch(self, epoch: int, batches: int, done: int, size: int) -> None:
        """Show that the batches of an epoch follow."""
        self._bars.update(self._epochs, completed=epoch)
        self._bars.update(self._steps, total=batches, completed=done, note=f"size {size}", description="training")

    def begin_validation(self, pictures: int) -> None:
        """Show that the test of an epoch follows."""
        self._bars.update(self._steps, total=pictures, completed=0, description="validation")

    def advance(self) -> None:
        """Show that one more batch, or picture, is done."""
        self._bars.advance(self._steps)

    def losses(self, first_step: int, losses: Sequence[float]) -> None:
        """Record the losses of consecutive steps."""
        if self._scalars is not None:
            for step, loss in enumerate(losses, first_step):
                self._scalars.add_scalar("loss/step", loss, step)

    def end_epoch(self, record: dict[str, float], step: int, images_a_second: float) -> None:
        """Record an epoch."""
        if self._scalars is not None:
            for name, value in {**record, "images_a_second": images_a_second}.items():
                self._scalars.add_scalar(f"epoch/{name}", value, step)
            self._scalars.flush()
            numbers = "  ".join(f"{name} {value:.4g}" for name, value in record.items())
            self._console.print(f"{numbers}  {images_a_second:.0f} images/s", highlight=False)

    def __enter__(self) -> Journal:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        if self._scalars is not None:
            self._scalars.close()


def save_history_plot(path: str | os.PathLike[str], history: Sequence[dict[str, float]], title: str) -> None:
    """Draw the loss and the validation error by epoch, with a mark for each size; the format follows the ending."""
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
