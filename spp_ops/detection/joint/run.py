"""A detector's joint training run: proposals, network, epochs, validation, checkpoints, and the detector at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.image import load_image
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.inference import run_detector
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.features.regions import RegionFeatures
from spp_ops.detection.joint.checkpoint import JointCheckpoint
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.history import save_history_plot
from spp_ops.detection.joint.samples import TrainingSamples
from spp_ops.detection.joint.training import JointTrainer
from spp_ops.detection.proposals import Boxes, propose
from spp_ops.detection.sampling import data_hash
from spp_ops.engine.checkpoint import FILE_NAME
from spp_ops.engine.config import as_data, difference
from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.progress import Progress
from spp_ops.engine.run import Job, Run, say_random_weights, settings_to_go_on_with
from spp_ops.engine.run_folder import PLOT_NAME, found_run, run_folder
from spp_ops.engine.seeds import Purpose, seed_of
from spp_ops.engine.trainer import Numbers

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_SCALE_IMAGES, _SCALE_WINDOWS = 8, 64  # that the size of pooled rows is measured on


@dataclass(frozen=True)
class JointJob(Job):
    """What a run does besides what decides its result; the run's folder gets the detector at the end.

    Attributes:
        validate_every: epochs from one test to the next, where there are images for it.
        cache: folder of proposals; None: `spp_ops.detection.proposals.default_cache()`.
    """

    validate_every: int = 1
    cache: Path | None = None


def train_joint(
    images: DetectionImages,
    val_images: DetectionImages | None,
    detector: DetectorConfig,
    config: JointConfig,
    *,
    job: JointJob,
    device: torch.device,
    progress: Progress | None = None,
) -> SPPDetector:
    """Train a detector end to end; it is saved in the run's folder and returned.

    A run that was interrupted and resumed gives to the bit what it would have given uninterrupted, on the same kind of
    machine with the same numbers of threads and processes; on GPUs where `torch.use_deterministic_algorithms` is set.

    Args:
        images: images and objects to learn from.
        val_images: tested while it learns; None: there is no test.
        detector: what is trained.
        config: how. A run that is resumed may get more epochs; its schedule stays unless this one's is not the default.
        job: where the run is kept, and what else does not decide its result.
        device: of the training.
        progress: told how far it is.

    Raises:
        ValueError: the folder holds a run that is not to be resumed, or one of other settings or data, or another
            process has it; the detector's scores are no softmax; the loss is no longer finite.
        FileNotFoundError, ImageError: an image or the weights can't be read.
    """
    if detector.score != "softmax":
        raise ValueError(f"score: expected 'softmax' for joint training, got {detector.score!r}")
    fabric = make_fabric(device, config.precision)
    progress = progress if progress is not None and fabric.is_global_zero else Progress()
    with run_folder(job.out, active=fabric.is_global_zero):
        saved = _saved_run(job, detector)
        if saved is not None:
            config = settings_to_go_on_with(config, saved.training)
        windows = _propose(images, detector, job, fabric, progress)
        hashed = _hash(images, windows)
        if saved is not None and saved.data != hashed:
            raise ValueError(f"data: expected the images, objects and windows of the run in {job.out}, got others")
        torch.manual_seed(seed_of(config.seed, Purpose.JOINT_WEIGHTS))
        net = detector.build(None if saved else job.weights, config.dropout).to(fabric.device)
        net.backbone.to(memory_format=torch.channels_last)  # as its pixels are
        features = [replace(detector, scales=(scale,)).features(net) for scale in config.scales]
        if saved is None:
            say_random_weights(job.weights, detector.arch, progress, frozen=config.backbone_lr == 0)
            set_row_scale(net, features[len(features) // 2], images, windows, config.row_rms)
        trainer = JointTrainer(net, features, TrainingSamples(images, windows, config), config, fabric)
        average = None if trainer.average is None else trainer.average.module
        tested = net if average is None else average
        assert isinstance(tested, RegionNet)
        tests = None if val_images is None else _propose(val_images, detector, job, fabric, progress)

        def save(state: dict[str, object]) -> None:
            tensors = net.state_dict(), None if average is None else average.state_dict()
            JointCheckpoint(detector, config, hashed, *tensors, state, run.history).save(job.out)

        def test(epoch: int) -> dict[str, float]:
            if val_images is None or tests is None or (epoch + 1) % job.validate_every:
                return {}
            return {"val_map": mean_ap(SPPDetector(detector, tested), val_images, tests, fabric, progress)}

        run = Run(job, trainer, config.epochs, save, progress, test=test, scalars=lambda steps: _scalars(steps, config))
        if saved is not None:
            run.go_on(saved)
        run.train()
        found = SPPDetector(detector, tested)
        if fabric.is_global_zero:
            found.save(job.out)
            if run.history:
                title = f"{detector.arch}, {len(images)} images, {len(images.classes)} classes"
                save_history_plot(job.out / PLOT_NAME, run.history, title)
        fabric.barrier()
    return found


def mean_ap(
    detector: SPPDetector, images: DetectionImages, windows: Sequence[Boxes], fabric: Fabric, progress: Progress
) -> float:
    """Mean average precision by Pascal VOC 2007's rule, in percent; all processes share the images.

    Args:
        detector: on the device of `fabric`.
        images: what to test on.
        windows: proposals [R, 4] of each image.
        fabric: launched.
        progress: told how far it is.
    """
    with progress.work("validation", -(-len(images) // fabric.world_size)) as work:
        found = run_detector(detector, images, windows=windows, after_image=work.advance, fabric=fabric)
    return 100 * evaluate_detections(images, found).eleven_point


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


def _scalars(steps: Sequence[Numbers], config: JointConfig) -> dict[str, list[float]]:
    classes, boxes, gradient = (list(column) for column in zip(*steps, strict=True))
    total = [one + config.box_weight * other for one, other in zip(classes, boxes, strict=True)]
    return {
        "loss/step": total,
        "loss/classes": classes,
        "loss/boxes": boxes,
        "gradient/last_convolution": gradient,
    }


def _hash(images: DetectionImages, windows: Sequence[Boxes]) -> str:
    rows = zip(images.paths, images.objects, windows, strict=True)
    return data_hash(
        (path.name, (objects.boxes, objects.labels, objects.difficult, boxes)) for path, objects, boxes in rows
    )


def _propose(
    images: DetectionImages, detector: DetectorConfig, job: JointJob, fabric: Fabric, progress: Progress
) -> list[Boxes]:
    """Find windows, on one process of each machine; the others read what it left in the cache."""
    with fabric.rank_zero_first(local=True):
        return propose(images.paths, detector.proposals, cache=job.cache, progress=progress)


def _saved_run(job: JointJob, detector: DetectorConfig) -> JointCheckpoint | None:
    """Return the run to go on with, if any, checked to be of this detector."""
    if not found_run(job.out / FILE_NAME, resume=job.resume):
        return None
    saved = JointCheckpoint.load(job.out)
    complaint = difference(as_data(detector), as_data(saved.detector))
    if complaint is not None:
        raise ValueError(complaint)
    return saved
