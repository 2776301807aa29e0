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
from spp_ops.detection.joint.anchors import fit_proposer
from spp_ops.detection.joint.checkpoint import JointCheckpoint
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.history import save_history_plot
from spp_ops.detection.joint.samples import TrainingSamples
from spp_ops.detection.joint.training import LOSSES, PROPOSAL_LOSSES, JointTrainer
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
_SCALAR_NAMES = {
    "class_loss": "loss/classes",
    "box_loss": "loss/boxes",
    "objectness_loss": "loss/objectness",
    "anchor_loss": "loss/anchors",
    "gradient": "gradient/last_convolution",
}


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
    if detector.proposals.method == "learned" and detector.proposer is None:
        detector = replace(
            detector, proposer=fit_proposer(images, config.scales, detector.longest, config.object_sizes)
        )
    with run_folder(job.out, active=fabric.is_global_zero):
        saved = _saved_run(job, detector)
        if saved is not None:
            config = replace(config, score_first=saved.training.score_first)  # to the bit as the run began
            config = settings_to_go_on_with(config, saved.training)
        torch.manual_seed(seed_of(config.seed, Purpose.JOINT_WEIGHTS))
        net = detector.build(None if saved else job.weights, config.dropout).to(fabric.device)
        net.backbone.to(memory_format=torch.channels_last)  # as its pixels are
        features = [replace(detector, scales=(scale,)).features(net) for scale in config.scales]
        windows = _propose(images, detector, job, fabric, progress)
        hashed = _hash(images, windows)
        if saved is not None and saved.data != hashed:
            raise ValueError(f"data: expected the images, objects and windows of the run in {job.out}, got others")
        middle = config.scales[len(config.scales) // 2]
        if saved is None:
            say_random_weights(job.weights, detector.arch, progress, frozen=config.backbone_lr == 0)
            set_scales(SPPDetector(replace(detector, scales=(middle,)), net), images, windows, config.row_rms)
        trainer = JointTrainer(
            net, features, TrainingSamples(images, windows, config, detector.longest), config, fabric
        )
        average = None if trainer.average is None else trainer.average.module
        tested = net if average is None else average
        assert isinstance(tested, RegionNet)
        tests = None if val_images is None else _propose(val_images, detector, job, fabric, progress)

        def save(state: dict[str, object]) -> None:
            tensors = net.state_dict(), None if average is None else average.state_dict()
            JointCheckpoint(detector, config, hashed, *tensors, state, run.history).save(job.out)

        def test(epoch: int) -> dict[str, float]:
            if val_images is None or (epoch + 1) % job.validate_every:
                return {}
            return {"val_map": mean_ap(SPPDetector(detector, tested), val_images, tests, fabric, progress)}

        def scalars(steps: Sequence[Numbers]) -> dict[str, list[float]]:
            return _scalars(steps, trainer.names, config)

        run = Run(job, trainer, config.epochs, save, progress, test=test, scalars=scalars)
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
    detector: SPPDetector, images: DetectionImages, windows: Sequence[Boxes] | None, fabric: Fabric, progress: Progress
) -> float:
    """Mean average precision by Pascal VOC 2007's rule, in percent; all processes share the images.

    Args:
        detector: on the device of `fabric`.
        images: what to test on.
        windows: proposals [R, 4] of each image; None: what the detector itself proposes.
        fabric: launched.
        progress: told how far it is.
    """
    with progress.work("validation", -(-len(images) // fabric.world_size)) as work:
        found = run_detector(detector, images, windows=windows, after_image=work.advance, fabric=fabric)
    return 100 * evaluate_detections(images, found).eleven_point


def set_scales(detector: SPPDetector, images: DetectionImages, windows: Sequence[Boxes] | None, row_rms: float) -> None:
    """Make the head scale pooled rows, and what proposes windows its maps, as measured on some images.

    Args:
        detector: untrained, at one scale.
        images: trained on.
        windows: proposals [R, 4] of each image; None: what the untrained detector proposes.
        row_rms: root mean square of rows that is wanted; that of maps is 1.
    """
    net = detector.net
    rows = range(0, len(images), max(len(images) // _SCALE_IMAGES, 1))
    squares, of_maps = [], []
    with torch.inference_mode():
        for row in rows:
            pixels = load_image(images.paths[row])
            maps = detector.maps(pixels)
            of_maps.append(maps.maps[0].double().square().flatten())
            boxes = detector.propose(pixels, maps)[0] if windows is None else torch.from_numpy(windows[row])
            some = boxes[:: max(len(boxes) // _SCALE_WINDOWS, 1)]
            squares.append(detector.features.pool(maps, some).double().square().flatten())
        mean, of_map = (torch.cat(each).mean() for each in (squares, of_maps))
    if mean > 0:
        net.head.row_scale.fill_(row_rms * float(mean.rsqrt()))
    if net.proposer is not None and of_map > 0:
        net.proposer.map_scale.fill_(float(of_map.rsqrt()))


def _scalars(steps: Sequence[Numbers], names: Sequence[str], config: JointConfig) -> dict[str, list[float]]:
    found = {name: list(column) for name, column in zip(names, zip(*steps, strict=True), strict=True)}
    weights = {"box_loss": config.box_weight} | dict.fromkeys(PROPOSAL_LOSSES, config.proposal_weight)
    losses = [name for name in names if name in (*LOSSES, *PROPOSAL_LOSSES)]
    total = [sum(weights.get(name, 1.0) * found[name][step] for name in losses) for step in range(len(steps))]
    named = {_SCALAR_NAMES[name]: found[name] for name in names}
    return {"loss/step": total, **named}


def _hash(images: DetectionImages, windows: Sequence[Boxes] | None) -> str:
    given = [()] * len(images) if windows is None else [(boxes,) for boxes in windows]
    rows = zip(images.paths, images.objects, given, strict=True)
    return data_hash(
        (path.name, (objects.boxes, objects.labels, objects.difficult, *boxes)) for path, objects, boxes in rows
    )


def _propose(
    images: DetectionImages, detector: DetectorConfig, job: JointJob, fabric: Fabric, progress: Progress
) -> list[Boxes] | None:
    """Find windows, on one process of each machine; the others read what it left in the cache.

    None where they are learned.
    """
    if detector.proposals.method == "learned":
        return None
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
