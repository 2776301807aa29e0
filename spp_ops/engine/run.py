"""A whole training run: epochs, tests, checkpoints, what is told and recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from spp_ops.engine.config import as_data, difference
from spp_ops.engine.progress import Progress, Work
from spp_ops.engine.run_folder import keep_settings
from spp_ops.engine.scalars import LoggerName, Scalars
from spp_ops.engine.trainer import Numbers, Trainer

_SCHEDULE = ("warmup", "milestones")
Settings = TypeVar("Settings", bound=Any)  # a dataclass that is a `TrainingSettings`


@dataclass(frozen=True)
class Job:
    """What a run does besides what decides its result.

    Attributes:
        out: the run's folder: checkpoint.pt, TensorBoard's files, training.png.
        weights: of the network or its convolutions to start from, as `spp_ops.models.create` takes them.
        resume: whether to go on with the run in `out`; where it has no checkpoint yet the run starts.
        workers: processes that load ahead.
        checkpoint_every: steps from one checkpoint to the next within an epoch; 0: only after epochs.
        stop_after: epochs after which to stop, with the run to be resumed; None: at its end.
        logger: who gets the run's numbers.
        settings: text that the run's folder gets as settings.yaml when the run starts; empty: none.
    """

    out: Path
    weights: str | None = None
    resume: bool = False
    workers: int = 0
    checkpoint_every: int = 0
    stop_after: int | None = None
    logger: LoggerName = "tensorboard"
    settings: str = ""


def say_random_weights(weights: str | None, arch: str, progress: Progress, *, frozen: bool = False) -> None:
    """Say what a run without weights to start from starts from: it is seldom what is wanted.

    Args:
        weights: of the job.
        arch: the network.
        progress: told.
        frozen: whether the convolutions will not learn.
    """
    if weights is None:
        how = "and its convolutions keep them" if frozen else "and learns all of them"
        progress.say(f"weights: none are given, so {arch} starts from random ones, {how}")


class SavedRun(Protocol):
    """The part of a checkpoint that all kinds of run have."""

    @property
    def model(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def average(self) -> dict[str, Any] | None: ...  # noqa: D102
    @property
    def progress(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def history(self) -> list[dict[str, float]]: ...  # noqa: D102


def settings_to_go_on_with(mine: Settings, saved: Settings) -> Settings:
    """Return the settings of a run that is resumed: it may get more epochs, and keeps its schedule unless told another.

    Args:
        mine: what is asked for.
        saved: the run's so far.

    Raises:
        ValueError: they differ in anything else.
    """
    defaults = {field.name: field.default for field in fields(mine)}
    kept = {name: getattr(saved, name) for name in _SCHEDULE if getattr(mine, name) == defaults[name]}
    mine = replace(mine, **kept)
    longer = replace(saved, epochs=max(mine.epochs, saved.epochs))
    complaint = difference(as_data(mine), as_data(longer))
    if complaint is not None:
        raise ValueError(complaint)
    return mine


@dataclass(frozen=True)
class Run:
    """A trainer at work in a folder.

    Attributes:
        job: where, and what else.
        trainer: does the steps.
        epochs: of the run.
        save: writes the checkpoint; called on the first process only, with the state of the trainer.
        progress: told how far it is.
        describe: what else a record of the current epoch has, known before it.
        test: numbers measured after an epoch, by name; all processes together.
        history: a record an epoch.
    """

    job: Job
    trainer: Trainer[Any]
    epochs: int
    save: Callable[[dict[str, Any]], None]
    progress: Progress
    describe: Callable[[], dict[str, float]] = dict
    test: Callable[[int], dict[str, float]] = lambda epoch: {}
    scalars: Callable[[Sequence[Numbers]], Mapping[str, Sequence[float]]] = lambda numbers: {}
    history: list[dict[str, float]] = field(default_factory=list)

    def go_on(self, saved: SavedRun) -> None:
        """Take up a saved run.

        Raises:
            ValueError: it can't go on.
        """
        if not saved.progress:
            raise ValueError(f"out: the run in {self.job.out} is over for good: no optimizer is saved")
        self.trainer.restore(saved.progress, saved.model, saved.average)
        self.history.extend(saved.history)
        self.progress.say(
            f"going on with the run in {self.job.out}: {len(self.history)} of {self.epochs} epochs are done"
        )

    def train(self) -> None:
        """Do what is left of the run, or of the part that the job asks for."""
        trainer, first = self.trainer, self.trainer.fabric.is_global_zero
        if first:
            keep_settings(self.job.out, self.job.settings)
        last = min(self.epochs, self.epochs if self.job.stop_after is None else self.job.stop_after)
        if trainer.epoch >= last:
            return
        steps = last * trainer.epoch_steps
        with (
            Scalars(self.job.out, trainer.step, first, self.job.logger) as scalars,
            self.progress.work("training", steps, "steps", done=trainer.place) as work,
        ):
            while trainer.epoch < last:
                self._train_epoch(scalars, work)
                self.checkpoint()

    def checkpoint(self) -> None:
        """Save the run; all processes together, of which the first writes."""
        state = self.trainer.state()
        if self.trainer.fabric.is_global_zero:
            self.save(state)
        self.trainer.fabric.barrier()

    def _train_epoch(self, scalars: Scalars, work: Work) -> None:
        trainer, epoch = self.trainer, self.trainer.epoch
        record = {"epoch": epoch, **self.describe(), "lr": trainer.lr}
        images = sum(map(len, trainer.batches()[trainer.batch :]))
        begun = time.perf_counter()
        work.note = f"epoch {epoch + 1} of {self.epochs}"

        def after_step() -> None:
            work.advance()
            if self.job.checkpoint_every and trainer.step % self.job.checkpoint_every == 0:
                self.checkpoint()

        def after_numbers(first_step: int, numbers: list[Numbers]) -> None:
            scalars.add(first_step, self.scalars(numbers))
            work.note = f"epoch {epoch + 1} of {self.epochs}, loss {sum(numbers[-1][: trainer.losses]):.4g}"

        record |= trainer.train_epoch(workers=self.job.workers, after_step=after_step, after_numbers=after_numbers)
        speed = images / (time.perf_counter() - begun)
        record |= self.test(epoch)
        self.history.append(record)
        scalars.add(trainer.step, {f"epoch/{name}": [value] for name, value in record.items()})
        scalars.add(trainer.step, {"epoch/images_a_second": [speed]})
        scalars.flush()
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in record.items())
        self.progress.say(f"{numbers}  {speed:.3g} images/s")
