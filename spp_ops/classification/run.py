"""A whole training run: data, network, epochs, validation, checkpoints."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from torch import nn

from spp_ops.classification.checkpoint import FILE_NAME, Checkpoint
from spp_ops.classification.config import NetworkConfig, TrainingConfig
from spp_ops.classification.data import TrainingImages, epoch_batches, epoch_size
from spp_ops.classification.evaluation import evaluate
from spp_ops.classification.history import save_history_plot
from spp_ops.classification.scoring import ViewScorer
from spp_ops.classification.training import Trainer
from spp_ops.classification.views import make_views
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.engine.config import difference
from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.journal import PLOT_NAME, Journal
from spp_ops.engine.seeds import seed_of
from spp_ops.models import PAPER_NETWORKS, SPPNet, smallest_input

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_WEIGHTS = 4  # what a seed is for; data.py and training.py have the others


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
    """

    out: Path
    weights: str | None = None
    resume: bool = False
    workers: int = 0
    checkpoint_every: int = 0
    stop_after: int | None = None


def train(
    train_images: LabeledImages,
    val_images: LabeledImages | None,
    network: NetworkConfig,
    training: TrainingConfig,
    *,
    job: Job,
    device: torch.device,
    console: Console,
) -> Checkpoint:
    """Train a network and return the run's last checkpoint, which is also in its folder.

    A run that was interrupted and resumed gives to the bit what it would have given uninterrupted, on the same kind of
    machine with the same numbers of threads and processes; on GPUs where `torch.use_deterministic_algorithms` is set.

    Raises:
        ValueError: the folder holds a run that is not to be resumed, or one of other settings; a size is too small for
            the network; the loss is no longer finite.
    """
    saved = _saved_run(job, network, training, train_images.classes)
    fabric = make_fabric(device, training.precision)
    net = _network(network, training, job, len(train_images.classes))
    normalization = net.normalization
    trainer = Trainer(net, training, fabric, prepare=lambda pixels: normalization(pixels.float()))
    history: list[dict[str, float]] = []
    if saved is not None:
        trainer.restore(saved.progress, saved.model, saved.average)
        history = list(saved.history)
    run = _Run(network, training, train_images.classes, trainer, history, fabric, job)
    data = TrainingImages(train_images, training)
    with Journal(job.out, console, training.epochs, trainer.step, fabric.is_global_zero) as journal:
        while trainer.epoch < min(training.epochs, training.epochs if job.stop_after is None else job.stop_after):
            _train_epoch(run, data, val_images, journal)
            run.save()
    if fabric.is_global_zero and history:
        title = f"{network.arch}, {len(train_images)} images, {len(train_images.classes)} classes"
        save_history_plot(job.out / PLOT_NAME, history, title)
    return run.checkpoint()


@dataclass(frozen=True)
class _Run:
    network: NetworkConfig
    training: TrainingConfig
    classes: tuple[str, ...]
    trainer: Trainer
    history: list[dict[str, float]]
    fabric: Fabric
    job: Job

    @property
    def tested_net(self) -> SPPNet:
        average = self.trainer.average
        net = self.trainer.net if average is None else average.module
        assert isinstance(net, SPPNet)
        return net

    def checkpoint(self) -> Checkpoint:
        average = self.trainer.average
        return Checkpoint(
            self.network,
            self.training,
            self.classes,
            self.trainer.net.state_dict(),
            None if average is None else average.module.state_dict(),
            self.trainer.state(),
            self.history,
        )

    def save(self) -> None:
        """Write the checkpoint; all processes together, of which the first writes."""
        checkpoint = self.checkpoint()
        if self.fabric.is_global_zero:
            checkpoint.save(self.job.out / FILE_NAME)
        self.fabric.barrier()


def _train_epoch(run: _Run, data: TrainingImages, val_images: LabeledImages | None, journal: Journal) -> None:
    trainer, training, fabric = run.trainer, run.training, run.fabric
    epoch, size, lr = trainer.epoch, epoch_size(training, trainer.epoch), trainer.lr
    batches = epoch_batches(training, len(data), epoch)
    begun_at, begun = trainer.batch, time.perf_counter()
    journal.begin_epoch(epoch, len(batches), begun_at, f"size {size}")

    def after_step() -> None:
        journal.advance()
        if run.job.checkpoint_every and trainer.step % run.job.checkpoint_every == 0:
            run.save()

    def after_losses(first_step: int, losses: list[float]) -> None:
        journal.scalars(first_step, {"loss/step": losses})

    workers = run.job.workers
    loss = trainer.train_epoch(data, workers=workers, after_step=after_step, after_losses=after_losses)
    speed = sum(map(len, batches[begun_at:])) / (time.perf_counter() - begun)
    record: dict[str, float] = {"epoch": epoch, "size": size, "lr": lr, "train_loss": loss}
    if val_images is not None:
        journal.begin("validation", len(val_images) // fabric.world_size)
        net = run.tested_net.eval()
        scorer = ViewScorer(net, make_views("crop", max(training.sizes)), "images" if net.levels is None else "maps")
        evaluation = evaluate(scorer, val_images, fabric, workers=workers, after_image=journal.advance)
        record["val_error"] = evaluation.error()
    run.history.append(record)
    journal.end_epoch(record, trainer.step, speed)


def _saved_run(
    job: Job, network: NetworkConfig, training: TrainingConfig, classes: tuple[str, ...]
) -> Checkpoint | None:
    """Return the run to go on with, if any, checked to be this one."""
    if not (job.out / FILE_NAME).is_file():
        return None
    if not job.resume:
        raise ValueError(f"out: {job.out} holds a run already; give --resume to go on with it, or another folder")
    saved = Checkpoint.load(job.out)
    complaint = difference(network, saved.network) or difference(training, saved.training)
    if complaint is None and saved.classes != classes:
        complaint = f"data: the run to be resumed has classes {', '.join(saved.classes)}, got {', '.join(classes)}"
    if complaint is not None:
        raise ValueError(complaint)
    return saved


def _network(network: NetworkConfig, training: TrainingConfig, job: Job, classes: int) -> SPPNet:
    torch.manual_seed(seed_of(training.seed, _WEIGHTS))
    net = network.build(classes, job.weights)
    if job.weights is not None and network.arch not in PAPER_NETWORKS:
        # A random layer on features of no known scale gives large wrong scores, which take long to unlearn.
        scores = list(net.head.children())[-1]
        assert isinstance(scores, nn.Linear)
        nn.init.zeros_(scores.weight)
        nn.init.zeros_(scores.bias)
    smallest = smallest_input(net.backbone)
    if min(training.sizes) < smallest:
        raise ValueError(f"sizes: expected at least {smallest} pixels for {network.arch}, got {min(training.sizes)}")
    if net.levels is None and set(training.sizes) != {224}:
        raise ValueError(f"sizes: expected 224 alone, as the network has no pyramid, got {list(training.sizes)}")
    return net
