"""A classifier's training run: data, network, epochs, validation, checkpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.config import NetworkConfig, TrainingConfig
from spp_ops.classification.data import TrainingImages, epoch_size
from spp_ops.classification.evaluation import evaluate
from spp_ops.classification.history import save_history_plot
from spp_ops.classification.scoring import ViewScorer
from spp_ops.classification.training import ClassifierTrainer
from spp_ops.classification.views import make_views
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.engine.checkpoint import FILE_NAME
from spp_ops.engine.config import as_data, difference
from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.progress import Progress
from spp_ops.engine.run import Job, Run, say_random_weights, settings_to_go_on_with
from spp_ops.engine.run_folder import PLOT_NAME, found_run, run_folder
from spp_ops.engine.seeds import Purpose, seed_of
from spp_ops.models import PAPER_NETWORKS, SPPNet, smallest_input

if TYPE_CHECKING:
    pass

__all__ = ["Job", "train"]


def train(
    train_images: LabeledImages,
    val_images: LabeledImages | None,
    network: NetworkConfig,
    training: TrainingConfig,
    *,
    job: Job,
    device: torch.device,
    progress: Progress | None = None,
) -> Checkpoint:
    """Train a network and return the run's last checkpoint, which is also in its folder.

    A run that was interrupted and resumed gives to the bit what it would have given uninterrupted, on the same kind of
    machine with the same numbers of threads and processes; on GPUs where `torch.use_deterministic_algorithms` is set.

    Args:
        train_images: what is learned from.
        val_images: tested after each epoch; None: there is no test.
        network: what is trained.
        training: how. A run that is resumed may get more epochs; its schedule stays unless this one's is not the
            default.
        job: where the run is kept, and what else does not decide its result.
        device: of the training.
        progress: told how far it is.

    Raises:
        ValueError: the folder holds a run that is not to be resumed, or one of other settings, or another process has
            it; a size is too small for the network; the loss is no longer finite.
    """
    fabric = make_fabric(device, training.precision)
    progress = progress if progress is not None and fabric.is_global_zero else Progress()
    with run_folder(job.out, active=fabric.is_global_zero):
        saved = _saved_run(job, network, train_images.classes)
        if saved is not None:
            asked = replace(training, channels_last=saved.training.channels_last)
            training = settings_to_go_on_with(asked, saved.training)
        layout = torch.channels_last if training.channels_last else torch.contiguous_format
        net = _network(network, training, job, len(train_images.classes)).to(memory_format=layout)
        if saved is None:
            say_random_weights(job.weights, network.arch, progress, frozen=training.backbone_lr == 0)
        trainer = ClassifierTrainer(
            net,
            TrainingImages(train_images, training),
            training,
            fabric,
            prepare=lambda pixels: net.normalization(pixels.to(torch.float32, memory_format=layout)),
        )

        def checkpoint(state: dict[str, object]) -> Checkpoint:
            average = None if trainer.average is None else trainer.average.module.state_dict()
            settings = (network, training, train_images.classes)
            return Checkpoint(*settings, net.state_dict(), average, state, run.history)

        def test(epoch: int) -> dict[str, float]:
            if val_images is None:
                return {}
            tested = net if trainer.average is None else trainer.average.module
            assert isinstance(tested, SPPNet)
            views = make_views("crop", max(training.sizes))
            scorer = ViewScorer(tested.eval(), views, "images" if tested.levels is None else "maps")
            with progress.work("validation", len(val_images) // fabric.world_size) as work:
                evaluation = evaluate(scorer, val_images, fabric, workers=job.workers, after_image=work.advance)
            return {"val_error": evaluation.error()}

        run = Run(
            job,
            trainer,
            training.epochs,
            save=lambda state: checkpoint(state).save(job.out / FILE_NAME),
            progress=progress,
            describe=lambda: {"size": epoch_size(training, trainer.epoch)},
            test=test,
            scalars=lambda numbers: {"loss/step": [loss for (loss,) in numbers]},
        )
        if saved is not None:
            run.go_on(saved)
        run.train()
        if fabric.is_global_zero and run.history:
            title = f"{network.arch}, {len(train_images)} images, {len(train_images.classes)} classes"
            save_history_plot(job.out / PLOT_NAME, run.history, title)
        return checkpoint(trainer.state())


def _saved_run(job: Job, network: NetworkConfig, classes: tuple[str, ...]) -> Checkpoint | None:
    """Return the run to go on with, if any, checked to be of this network and these classes."""
    if not found_run(job.out / FILE_NAME, resume=job.resume):
        return None
    saved = Checkpoint.load(job.out)
    complaint = difference(as_data(network), as_data(saved.network))
    if complaint is None and saved.classes != classes:
        complaint = f"data: the run to be resumed has classes {', '.join(saved.classes)}, got {', '.join(classes)}"
    if complaint is not None:
        raise ValueError(complaint)
    return saved


def _network(network: NetworkConfig, training: TrainingConfig, job: Job, classes: int) -> SPPNet:
    torch.manual_seed(seed_of(training.seed, Purpose.CLASSIFIER_WEIGHTS))
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
