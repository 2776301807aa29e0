"""Numbers of a run for those who watch it: TensorBoard, Weights & Biases, MLflow."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

LoggerName: TypeAlias = Literal["tensorboard", "wandb", "mlflow"]

_PROJECT = "spp_ops"


class Scalars:
    """Writes numbers as a run makes them; a context manager.

    Args:
        folder: of the run: TensorBoard's files go there, and so does what others keep on this machine.
        step: at which the run starts or goes on; what TensorBoard's files have of later steps is dropped.
        active: whether to write anything; only the first of several processes is to.
        logger: who gets them. Weights & Biases and MLflow are reached through Lightning's loggers, and by their own
            environment variables (WANDB_MODE, MLFLOW_TRACKING_URI, ...); a run that goes on is a further run to them,
            of the same name.

    Raises:
        ValueError: the logger's library is not installed.
    """

    def __init__(self, folder: Path, step: int = 0, active: bool = True, logger: LoggerName = "tensorboard") -> None:
        require_logger(logger)
        self._writer = _WRITERS[logger](folder, step) if active else None

    def add(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        """Record numbers of consecutive steps, by name."""
        if self._writer is not None:
            for name, numbers in values.items():
                for step, number in enumerate(numbers, first_step):
                    self._writer.add(name, number, step)

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
            self._writer.close("success" if error is None else "failed")


def require_logger(logger: LoggerName) -> None:
    """Find out, before long work, whether a logger's library is there.

    Raises:
        ValueError: it is not.
    """
    missing = [name for name in _LIBRARIES[logger] if find_spec(name) is None]
    if missing:
        extra = "train" if logger == "tensorboard" else logger
        raise ValueError(
            f"logger: {logger} takes {' and '.join(missing)}, not installed here: pip install 'spp_ops[{extra}]'"
        )


class _Writer(Protocol):
    def add(self, name: str, number: float, step: int) -> None: ...
    def flush(self) -> None: ...
    def close(self, status: str) -> None: ...


class _TensorBoard:
    """TensorBoard's own writer, which can drop what a run wrote after its last checkpoint."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step)

    def add(self, name: str, number: float, step: int) -> None:
        self._writer.add_scalar(name, number, step)

    def flush(self) -> None:
        self._writer.flush()

    def close(self, status: str) -> None:
        self._writer.close()


class _Lightning:
    """One of Lightning's loggers; numbers of a step go together, as Weights & Biases takes steps in order alone."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._waiting: dict[int, dict[str, float]] = {}

    def add(self, name: str, number: float, step: int) -> None:
        self._waiting.setdefault(step, {})[name] = number

    def flush(self) -> None:
        for step in sorted(self._waiting):
            self._logger.log_metrics(self._waiting[step], step=step)
        self._waiting.clear()
        self._logger.save()

    def close(self, status: str) -> None:
        self.flush()
        self._logger.finalize(status)
        if hasattr(self._logger.experiment, "finish"):  # a run of W&B, of which a process has one at a time
            self._logger.experiment.finish(int(status != "success"))


def _wandb(folder: Path, step: int) -> _Writer:
    folder.mkdir(parents=True, exist_ok=True)
    return _Lightning(_lightning().WandbLogger(project=_PROJECT, name=folder.name, save_dir=str(folder)))


def _mlflow(folder: Path, step: int) -> _Writer:
    place = os.environ.get("MLFLOW_TRACKING_URI")
    loggers, here = _lightning(), str((folder / "mlruns").absolute())
    return _Lightning(
        loggers.MLFlowLogger(experiment_name=_PROJECT, run_name=folder.name, tracking_uri=place, save_dir=here)
    )


_WRITERS: dict[str, Callable[[Path, int], _Writer]] = {"tensorboard": _TensorBoard, "wandb": _wandb, "mlflow": _mlflow}
_LIBRARIES = {
    "tensorboard": ("tensorboard",),
    "wandb": ("lightning", "wandb"),
    "mlflow": ("lightning", "mlflow"),
}


def _lightning() -> Any:
    return importlib.import_module("lightning.pytorch.loggers")
