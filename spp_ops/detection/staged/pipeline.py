"""The paper's training of a detector, stage by stage (section 4.1)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.features.regions import RegionFeatures
from spp_ops.detection.proposals import propose
from spp_ops.detection.staged.cache import MapRows, MapStore
from spp_ops.detection.staged.config import StagedConfig
from spp_ops.detection.staged.learning import Learner, kept_hidden
from spp_ops.detection.staged.run_folder import claim
from spp_ops.detection.staged.samples import TrainingSample, training_samples
from spp_ops.detection.staged.sources import RowSource
from spp_ops.engine.processes import world_size
from spp_ops.engine.progress import Progress
from spp_ops.engine.run import say_random_weights
from spp_ops.engine.run_folder import keep_settings, run_folder
from spp_ops.engine.seeds import Purpose, seed_of

SCORE_THRESHOLD = -1.5  # margins below it are dropped (the authors' code)


@dataclass(frozen=True)
class StagedJob:
    """What a run does besides what decides its result.

    Attributes:
        out: the run's folder; see `run_folder`.
        weights: of the network or its convolutions to start from, as `DetectorConfig.build` takes them.
        resume: whether to go on with the run in `out`; where there is none yet the run starts.
        workers: processes that look for proposals; 0: one a processor.
        maps: folder of the feature maps; None: ``maps`` in `out`. Runs can share one.
        cache: folder of proposals; None: `spp_ops.detection.proposals.default_cache()`.
        checkpoint_every: batches of fine-tuning from one checkpoint to the next.
        settings: text that the run's folder gets as settings.yaml when the run starts; empty: none.
    """

    out: Path
    weights: str | None = None
    resume: bool = False
    workers: int = 0
    maps: Path | None = None
    cache: Path | None = None
    checkpoint_every: int = 200
    settings: str = ""


def train_staged(
    images: DetectionImages,
    detector: DetectorConfig,
    config: StagedConfig,
    *,
    job: StagedJob,
    device: torch.device,
    progress: Progress | None = None,
) -> SPPDetector:
    """Train a detector in the paper's stages; it is saved in the run's folder and returned, on the CPU.

    1. Windows are proposed, and feature maps of all images computed once and kept on disk.
    2. Fully connected layers are fine-tuned, the convolutions frozen.
    3. A linear SVM a class learns on their output, with hard negative mining.
    4. Box corrections are learnt from pooled rows.

    A run that was interrupted and resumed gives what it would have given uninterrupted.

    Args:
        images: images and objects.
        detector: what is trained: `hidden` are the layers to be fine-tuned, of which those up to `config.svms.layer`
            remain. What scores are and what boxes are corrected from is set here, whatever the record has.
        config: how.
        job: what else.
        device: of convolutions, pooling and fine-tuning.
        progress: told how far it is, and a line a stage.

    Raises:
        ValueError: the folder holds a run that is not to be resumed, or one of other settings; a class has no objects;
            the loss of fine-tuning is no longer finite.
        FileNotFoundError, ImageError: an image or the weights can't be read.
    """
    progress = progress or Progress()
    with staged_folder(job):
        samples, finished, net = prepare(images, detector, config, job, device, progress)
        rows = _pooled_rows(samples, finished.features(net), config, job, progress)
        learn(net, rows, samples, detector, config, job, device, progress)
        trained = SPPDetector(finished, net.cpu())
        trained.save(job.out)
    return trained


@contextmanager
def staged_folder(job: StagedJob) -> Iterator[None]:
    """Hold the run's folder.

    Raises:
        ValueError: another process has it; or torchrun has started several.
    """
    if world_size() > 1:
        raise ValueError(f"processes: expected one for training in stages, torchrun has started {world_size()}")
    with run_folder(job.out):
        yield


def prepare(
    images: DetectionImages,
    detector: DetectorConfig,
    config: StagedConfig,
    job: StagedJob,
    device: torch.device,
    progress: Progress,
    kind: str = "SPP-net",
) -> tuple[list[TrainingSample], DetectorConfig, RegionNet]:
    """Find the windows, claim the run's folder and make the network.

    Returns:
        The images to learn from; the record of the detector to be; its network, but for the head as it starts.
    """
    finished = finished_config(detector, config)
    samples = _images(images, detector, config, job, progress)
    claim(job.out, kind, detector, config, samples, resume=job.resume)
    torch.manual_seed(seed_of(config.seed, Purpose.STAGED_WEIGHTS))
    net = finished.build(job.weights).to(device).eval()
    say_random_weights(job.weights, detector.arch, progress, frozen=True)
    keep_settings(job.out, job.settings)
    net.backbone.to(memory_format=torch.channels_last)  # as its pixels are
    return samples, finished, net


def learn(
    net: RegionNet,
    rows: RowSource,
    images: list[TrainingSample],
    detector: DetectorConfig,
    config: StagedConfig,
    job: StagedJob,
    device: torch.device,
    progress: Progress,
) -> None:
    """Stages 2 to 4: fill the network's head."""
    learner = Learner(
        rows,
        images,
        detector.classes,
        detector.hidden,
        config,
        folder=job.out,
        device=device,
        progress=progress,
        checkpoint_every=job.checkpoint_every,
    )
    net.head.load_state_dict(learner.head().state_dict())


def finished_config(detector: DetectorConfig, config: StagedConfig) -> DetectorConfig:
    """The record of the detector that the stages make: of margins, and no layers above those that the SVMs stand on."""
    return replace(
        detector,
        hidden=kept_hidden(detector.hidden, config.svms.layer),
        score="margin",
        box_input=None if config.boxes is None else "rows",
        score_threshold=SCORE_THRESHOLD,
    )


def _images(
    images: DetectionImages, detector: DetectorConfig, config: StagedConfig, job: StagedJob, progress: Progress
) -> list[TrainingSample]:
    begun = time.monotonic()
    proposals = propose(images.paths, detector.proposals, cache=job.cache, workers=job.workers, progress=progress)
    mean = sum(map(len, proposals)) / max(len(proposals), 1)
    progress.say(f"proposals: {mean:.0f} an image  ({time.monotonic() - begun:.0f} s)")
    return training_samples(images, proposals, flip=config.flip)


def _pooled_rows(
    samples: list[TrainingSample], regions: RegionFeatures, config: StagedConfig, job: StagedJob, progress: Progress
) -> MapRows:
    """Stage 1."""
    store = MapStore(regions, job.out / "maps" if job.maps is None else job.maps, config.maps)
    with progress.work("feature maps", len(samples)) as work:
        files = store.fill(samples, work.advance)
    progress.say(f"feature maps: {len(samples)} images at {len(regions.scales)} scales  ({work.seconds:.0f} s)")
    return MapRows(store, regions, files)
