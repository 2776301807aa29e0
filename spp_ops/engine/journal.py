"""What a training run tells while it goes on: progress bars, and scalars for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLOT_NAME = "training.png"  # of the image of a run's history in its folder


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
        from torch.utils.tensorboard import SummaryWriter

        self._scalars = SummaryWriter(str(folder), purge_step=step) if active else None

    def begin_epoch(self, epoch: int, batches: int, done: int, note: str = "") -> None:
        """Show that the steps of an epoch follow."""
        self._bars.update(self._epochs, completed=epoch)
        self._bars.update(self._steps, total=batches, completed=done, note=note, description="training")

    def begin(self, work: str, images: int) -> None:
        """Show that other work on some images follows: a test, say."""
        self._bars.update(self._steps, total=images, completed=0, description=work, note="")

    def advance(self) -> None:
        """Show that one more step, or image, is done."""
        self._bars.advance(self._steps)

    def scalars(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        """Record numbers of consecutive steps, by name."""
        if self._scalars is not None:
            for name, numbers in values.items():
                for step, number in enumerate(numbers, first_step):
                    self._scalars.add_scalar(name, number, step)

    def end_epoch(self, record: dict[str, float], step: int, images_a_second: float) -> None:
        """Record an epoch."""
        if self._scalars is not None:
            for name, value in {**record, "images_a_second": images_a_second}.items():
                self._scalars.add_scalar(f"epoch/{name}", value, step)
            self._scalars.flush()
            numbers = "  ".join(f"{name} {value:.4g}" for name, value in record.items())
            self._console.print(f"{numbers}  {images_a_second:.3g} images/s", highlight=False)

    def __enter__(self) -> Journal:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        if self._scalars is not None:
            self._scalars.close()
