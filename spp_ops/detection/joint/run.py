"""A whole training run: proposals, network, epochs, validation, checkpoints, and the detector at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.image import load_image
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.features.regions import RegionFeatures
from spp_ops.detection.joint.checkpoint import FILE_NAME, JointCheckpoint, data_hash
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.history import save_history_plot
from spp_ops.detection.joint.samples import TrainingSamples, epoch_steps
from spp_ops.detection.joint.training import JointTrainer, StepNumbers
from spp_ops.detection.joint.validation import mean_ap
from spp_ops.detection.proposals import Boxes, propose
from spp_ops.engine.config import difference
from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.journal import PLOT_NAME, Journal
from spp_ops.engine.seeds import seed_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_WEIGHTS = 24  # what a seed is for; data.py and training.py have the others
_SCALE_IMAGES, _SCALE_WINDOWS = 8, 64  # that the size of pooled rows is measured on


@dataclass(frozen=True)
class JointJob:
    """What a run does besides what decides its result.

    Attributes:
        out: the run's folder: checkpoint.pt, TensorBoard's files, training.png, and at the end the detector.
        weights: of the network or its convolutions to start from, as `DetectorConfig.build` takes them.
        resume: whether to go on with the run in `out`; where it has no checkpoint yet the run starts.
        workers: processes that load ahead.
        checkpoint_every: steps from one checkpoint to the next within an epoch; 0: only after epochs.
        validate_every: epochs from one test to the next, where there are images for it.
        stop_after: epochs after which to stop, with the run to be resumed; None: at its end.
        cache: folder of proposals; None: `spp_ops.detection.proposals.default_cache()`.
    """

    out: Path
    weights: str | None = None
    resume: bool = False
    workers: int = 0
    checkpoint_every: int = 0
    validate_every: int = 1
    stop_after: int | None = None
    cache: Path | None = None


def train_joint(
    images: DetectionImages,
    val_images: DetectionImages | None,
    detector: DetectorConfig,
    config: JointConfig,
    *,
    job: JointJob,
    device: torch.device,
    console: Console,
) -> SPPDetector:
    """Train a detector end to end; it is saved in the run's folder and returned.

    A run that was interrupted and resumed gives to the bit what it would have given uninterrupted, on the same kind of
    machine with the same numbers of threads and processes; on GPUs where `torch.use_deterministic_algorithms` is set.

    Raises:
        ValueError: the folder holds a run that is not to be resumed, or one of other settings; the detector's scores
            are no softmax; the loss is no longer finite.
        FileNotFoundError, ImageError: an image or the weights can't be read.
    """
    saved = _saved_run(job, detector, config)
    fabric = make_fabric(device, config.precision)
    torch.manual_seed(seed_of(config.seed, _WEIGHTS))
    net = detector.build(None if saved else job.weights, config.dropout)
    net.backbone.to(memory_format=torch.channels_last)  # as its pixels are
    features = [replace(detector, scales=(scale,)).features(net) for scale in config.scales]
    trainer = JointTrainer(net, features, config, fabric)
    history = [] if saved is None else list(saved.history)
    done = 0 if saved is None else int(saved.progress["step"])
    with Journal(job.out, console, config.epochs, done, fabric.is_global_zero) as journal:
        windows = _propose(images, detector, job, fabric, journal)
        run = _Run(detector, config, data_hash(images, windows), trainer, history, fabric, job)
        if saved is None:
            set_row_scale(net, features[len(features) // 2], images, windows, config.row_rms)
        else:
            run.go_on(saved)
        data = TrainingSamples(images, windows, config)
        tests = None if val_images is None else (val_images, _propose(val_images, detector, job, fabric, journal))
        while trainer.epoch < min(config.epochs, config.epochs if job.stop_after is None else job.stop_after):
            _train_epoch(run, data, tests, journal)
            run.save()
    return run.finish(f"{detector.arch}, {len(images)} images, {len(images.classes)} classes")


@dataclass(frozen=True)
class _Run:
    detector: DetectorConfig
    config: JointConfig
    data: str
    trainer: JointTrainer
    history: list[dict[str, float]]
    fabric: Fabric
    job: JointJob

    @property
    def tested_net(self) -> RegionNet:
        average = self.trainer.average
        net = self.trainer.net if average is None else average.module
        assert isinstance(net, RegionNet)
        return net

    def go_on(self, saved: JointCheckpoint) -> None:
        """Take up a saved run."""
        if saved.data != self.data:
            raise ValueError(f"data: expected the images, objects and windows of the run in {self.job.out}, got others")
        self.trainer.restore(saved.progress, saved.model, saved.average)

    def save(self) -> None:
        """Write the checkpoint; all processes together, of which the first writes."""
        trainer = self.trainer
        average = None if trainer.average is None else trainer.average.module.state_dict()
        state, model = trainer.state(), trainer.net.state_dict()
        if self.fabric.is_global_zero:
            parts = self.detector, self.config, self.data, model, average, state, self.history
            JointCheckpoint(*parts).save(self.job.out)
        self.fabric.barrier()

    def finish(self, title: str) -> SPPDetector:
        """Write the detector and the image of the run."""
        found = SPPDetector(self.detector, self.tested_net)
        if self.fabric.is_global_zero:
            found.save(self.job.out)
            if self.history:
                save_history_plot(self.job.out / PLOT_NAME, self.history, title)
        self.fabric.barrier()
        return found


def _train_epoch(
    run: _Run, data: TrainingSamples, tests: tuple[DetectionImages, list[Boxes]] | None, journal: Journal
) -> None:
    trainer, config = run.trainer, run.config
    epoch, lr = trainer.epoch, trainer.lr
    steps = epoch_steps(config, len(data), epoch)
    begun_at, begun = trainer.batch, time.perf_counter()
    journal.begin_epoch(epoch, len(steps), begun_at)

    def after_step() -> None:
        journal.advance()
        if run.job.checkpoint_every and trainer.step % run.job.checkpoint_every == 0:
            run.save()

    def after_numbers(first_step: int, numbers: list[StepNumbers]) -> None:
        columns = [list(column) for column in zip(*numbers, strict=True)]
        values = dict(zip(("loss/classes", "loss/boxes", "gradient/last_convolution"), columns, strict=True))
        totals = [each.class_loss + config.box_weight * each.box_loss for each in numbers]
        journal.scalars(first_step, {"loss/step": totals, **values})

    means = trainer.train_epoch(data, workers=run.job.workers, after_step=after_step, after_numbers=after_numbers)
    speed = sum(map(len, steps[begun_at:])) / (time.perf_counter() - begun)
    record: dict[str, float] = {"epoch": epoch, "lr": lr, **means._asdict()}
    if tests is not None and (epoch + 1) % run.job.validate_every == 0:
        journal.begin("validation", len(tests[0]) // run.fabric.world_size)
        detector = SPPDetector(run.detector, run.tested_net)
        record["val_map"] = mean_ap(detector, *tests, run.fabric, journal.advance)
    run.history.append(record)
    journal.end_epoch(record, trainer.step, speed)


def set_row_scale(
    net: RegionNet, features: RegionFeatures, images: DetectionImages, windows: Sequence[Boxes], rms: float
) -> None:
    """Make the head scale pooled rows to this root mean square, as measured on some windows of some images."""
    rows = range(0, len(images), max(len(images) // _SCALE_IMAGES, 1))
    squares = []
    with torch.inference_mode():
        net.eval()
        for row in rows:
            boxes = torch.from_numpy(windows[row])
            some = boxes[:: max(len(boxes) // _SCALE_WINDOWS, 1)]
            squares.append(features(load_image(images.paths[row]), some).double().square().flatten())
        mean = torch.cat(squares).mean()
    if mean > 0:
        net.head.row_scale.fill_(rms * float(mean.rsqrt()))


def _propose(
    images: DetectionImages, detector: DetectorConfig, job: JointJob, fabric: Fabric, journal: Journal
) -> list[Boxes]:
    """Find windows, on one process of each machine; the others read what it left in the cache."""
    journal.begin("proposals", len(images))
    with fabric.rank_zero_first(local=True):
        return propose(images.paths, detector.proposals, cache=job.cache, after_image=journal.advance)


def _saved_run(job: JointJob, detector: DetectorConfig, config: JointConfig) -> JointCheckpoint | None:
    """Return the run to go on with, if any, checked to be this one."""
    if detector.score != "softmax":
        raise ValueError(f"score: expected 'softmax' for joint training, got {detector.score!r}")
    if not (job.out / FILE_NAME).is_file():
        return None
    if not job.resume:
        raise ValueError(f"out: {job.out} holds a run already; give --resume to go on with it, or another folder")
    saved = JointCheckpoint.load(job.out)
    complaint = difference(detector, saved.detector) or difference(config, saved.training)
    if complaint is not None:
        raise ValueError(complaint)
    return saved
