"""Times the stages of SPP-net (one scale, five scales) and of R-CNN on the same photo, windows and network.

Both sides run channels-last, without gradients, after a warm-up. The fully connected layers do the same work on
either side (a row of pooled features a window, all rows at once), so they are timed once and the time serves both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spp_ops.comparison.settings import Settings
from spp_ops.comparison.stopwatch import Stopwatch
from spp_ops.datasets.image import Pixels
from spp_ops.detection.rcnn import RCNNFeatures
from spp_ops.detection.regions import RegionFeatures, ScaledMaps
from spp_ops.models.spp_net import SPPNet
from spp_ops.self_check import differing_windows

CHECKED_WINDOWS = 200


@dataclass(frozen=True)
class Stages:
    """Seconds an image.

    Attributes:
        prepare: resizing the photo to every scale; warping the windows.
        conv: the convolutions.
        pool: pooling every window from the maps; pooling every warped window's map.
        fc: the fully connected layers, for all windows.
    """

    prepare: float
    conv: float
    pool: float
    fc: float = 0.0

    @property
    def conv_and_pool(self) -> float:
        """What the paper's claim is about."""
        return self.conv + self.pool

    @property
    def total(self) -> float:
        """All four."""
        return self.prepare + self.conv + self.pool + self.fc


@dataclass(frozen=True)
class Comparison:
    """Times of the three methods on one photo.

    Attributes:
        windows: windows of the photo; times are for all of them.
        rcnn_windows: those that R-CNN was timed on. Where they are fewer, its times (save fc) are extrapolated.
        feature_length: pooled numbers a window.
        checked_windows: windows whose pooled features were compared with the reference, and were equal to the bit.
    """

    one_scale: Stages
    five_scales: Stages
    rcnn: Stages
    windows: int
    rcnn_windows: int
    feature_length: int
    checked_windows: int

    @property
    def extrapolated(self) -> bool:
        """Whether R-CNN was timed on fewer windows than there are."""
        return self.rcnn_windows < self.windows


def steps(settings: Settings, windows: int, device: torch.device) -> int:
    """How often `compare` calls `progress`."""
    sample = settings.rcnn_sample(windows, device)
    return 3 * (settings.repeats + 1) + sample // min(settings.rcnn_batch, sample) + 1


@torch.inference_mode()
def compare(
    net: SPPNet, image: Pixels, windows: Tensor, settings: Settings, progress: Callable[[str], None] = lambda _: None
) -> Comparison:
    """Check the pooled features against the reference, then time every stage.

    Args:
        net: on the device to be used, in evaluation mode.
        image: uint8 [H, W, 3], RGB.
        windows: [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included; R >= 1.
        settings: what to compare.
        progress: called before each part of the work with its name.

    Raises:
        ValueError: there are no windows.
        RuntimeError: pooled features differ from the reference's: a bug in the kernels for this machine.
    """
    if len(windows) == 0:
        raise ValueError("windows: expected at least one, got none")
    net = net.to(memory_format=torch.channels_last)
    device = next(net.parameters()).device
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(settings.seed))
    job = _Job(net, image, windows[order].to(device), settings, progress)
    one, _ = job.spp_net(settings.one_scale)
    five, rows = job.spp_net(settings.five_scales)
    fc = job.fully_connected(rows)
    return Comparison(
        one_scale=replace(one, fc=fc),
        five_scales=replace(five, fc=fc),
        rcnn=replace(job.rcnn(), fc=fc),
        windows=len(windows),
        rcnn_windows=settings.rcnn_sample(len(windows), device),
        feature_length=rows.shape[1],
        checked_windows=min(CHECKED_WINDOWS, len(windows)),
    )


@dataclass(frozen=True)
class _Job:
    """What is timed. The windows are in random order, so that the first ones are a random sample."""

    net: SPPNet
    image: Pixels
    windows: Tensor
    settings: Settings
    progress: Callable[[str], None]

    def spp_net(self, scales: tuple[int, ...]) -> tuple[Stages, Tensor]:
        """Time everything but the fully connected layers; return the pooled rows as well."""
        regions = RegionFeatures(self.net.backbone, self.settings.levels, scales, normalization=self.net.normalization)
        watch = Stopwatch(self.windows.device)
        for repeat in range(self.settings.repeats + 1):
            self.progress(f"SPP-net, {len(scales)} scale{'s' if len(scales) > 1 else ''}")
            with watch.stage("prepare"):
                resized = regions.resized(self.image)
            with watch.stage("conv"):
                maps = regions.maps(resized)
            if repeat == 0:
                self._check_against_reference(regions, maps)
            with watch.stage("pool"):
                rows = regions.pool(maps, self.windows)
        return Stages(watch.median("prepare"), watch.median("conv"), watch.median("pool")), rows

    def fully_connected(self, rows: Tensor) -> float:
        """Time the fully connected layers on all rows."""
        watch = Stopwatch(rows.device)
        for _ in range(self.settings.repeats + 1):
            self.progress(f"fully connected layers up to {self.settings.layer}")
            with watch.stage("fc"):
                self.net.head_features(rows, self.settings.layer)
        return watch.median("fc")

    def rcnn(self) -> Stages:
        """Time everything but the fully connected layers: the median batch of the sample, scaled to all windows."""
        sample = self.settings.rcnn_sample(len(self.windows), self.windows.device)
        batch = min(self.settings.rcnn_batch, sample)
        whole = self.windows[: sample // batch * batch]
        with_warm_up = torch.cat([whole[:batch], whole])
        warped = RCNNFeatures(self.net, batch=batch).warped(self.image, with_warm_up)
        watch = Stopwatch(self.windows.device)
        for _ in range(len(with_warm_up) // batch):
            self.progress(f"R-CNN, {sample} of {len(self.windows)} windows")
            with watch.stage("prepare"):
                squares = next(warped)
            with watch.stage("conv"):
                maps = self.net.backbone(squares)
            with watch.stage("pool"):
                self.net.pool(maps)
        batches = len(self.windows) / batch
        return Stages(*(watch.median(stage) * batches for stage in ("prepare", "conv", "pool")))

    def _check_against_reference(self, regions: RegionFeatures, maps: ScaledMaps) -> None:
        checked = self.windows[:CHECKED_WINDOWS]
        wrong = differing_windows(maps.maps, checked, regions.levels, maps.projections, regions.target_area)
        if wrong:
            raise RuntimeError(f"{wrong} of {len(checked)} windows were pooled otherwise than by the reference")
