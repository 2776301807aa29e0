"""What a staged run tells while it goes on: a bar for the stage at work, a line for each that is done, TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Stages:
    """Shows a run's stages; a context manager.

    Args:
        console: gets a bar, where it is a terminal, and a line a stage.
        folder: gets TensorBoard's files; None: there are none.
    """

    def __init__(self, console: Console, folder: Path | None = None) -> None:
        columns = TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._bars = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
        self._task = self._bars.add_task("", total=None, visible=False)
        self._console = console
        self._folder = folder
        self._begun = time.perf_counter()

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Show that a stage of `total` steps follows."""
        self._bars.reset(self._task, description=name, total=total, completed=done, visible=True)
        self._begun = time.perf_counter()

    def advance(self) -> None:
        """Show that one more step is done."""
        self._bars.advance(self._task)

    def end(self, line: str) -> None:
        """Say what a stage gave, and how long it took."""
        self._bars.update(self._task, visible=False)
        self._console.print(f"{line}  ({time.perf_counter() - self._begun:.0f} s)", highlight=False)

    def losses(self, first_step: int, values: Sequence[float]) -> None:
        """Record the losses of consecutive batches."""
        if self._folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            with SummaryWriter(str(self._folder)) as scalars:
                for step, value in enumerate(values, first_step):
                    scalars.add_scalar("fine-tuning/loss", value, step)

    def __enter__(self) -> Stages:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
