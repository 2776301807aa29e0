"""Numbers of a run for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType


class Scalars:
    """Writes TensorBoard's files; a context manager.

    Args:
        folder: of the files.
        step: at which the run starts or goes on; what the files have of later steps is dropped.
        active: whether to write anything; only the first of several processes is to.
    """

    def __init__(self, folder: Path, step: int = 0, active: bool = True) -> None:
        self._writer = None
        if active:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder), purge_step=step)

    def add(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        """Record numbers of consecutive steps, by name."""
        if self._writer is not None:
            for name, numbers in values.items():
                for step, number in enumerate(numbers, first_step):
                    self._writer.add_scalar(name, number, step)

    def flush(self) -> None:
        """Write what has been added."""
        if self._writer is not None:
            self._writer.flush()

    def __enter__(self) -> Scalars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
