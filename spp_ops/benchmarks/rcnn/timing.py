"""Times the stages of SPP-net (one scale, five scales) and of R-CNN on the same photo, windows and network.

Both sides run channels-last and without gradients, after a warm-up, and what makes one side faster serves the other as
well: early layers on pieces that fit the cache (`detection.features.tiling`), fully connected layers by the faster
library (`detection.features.linear`), freed memory that stays with the process, R-CNN's batch the fastest of several.
Only SPP-net can do without some of the work: windows on the same cells are pooled and classified once, in rows of their
own. The fully connected layers do the same for each row of pooled features on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spp_ops.benchmarks.harness import keep_freed_memory
from spp_ops.benchmarks.rcnn import connected
from spp_ops.benchmarks.rcnn.results import BFLOAT16, FIVE, INT8, ONCE, ONE, Comparison, Stages
from spp_ops.benchmarks.rcnn.settings import Settings
from spp_ops.benchmarks.rcnn.stopwatch import Stopwatch
from spp_ops.benchmarks.rcnn.work import products
from spp_ops.datasets.image import Pixels
from spp_ops.detection.features.linear import computes_bfloat16
from spp_ops.detection.features.regions import RegionFeatures, ScaledMaps
from spp_ops.detection.features.warped import RCNNFeatures
from spp_ops.models.spp_net import SPPNet
from spp_ops.testing import differing_windows

CHECKED_WINDOWS = 200


def steps(settings: Settings, windows: int, device: torch.device) -> int:
    """How often `compare` calls `progress`."""
    batches = settings.rcnn_batches(windows, device)
    sample = settings.rcnn_sample(windows, device)
    fc = connected.runs(computes_bfloat16(device), device.type == "cpu")
    return 2 * (settings.repeats + 1) + fc + len(batches) + sample // min(batches) + 1


@torch.inference_mode()
def compare(
    net: SPPNet,
    image: Pixels,
    windows: Tensor,
    settings: Settings,
    progress: Callable[[str], None] = lambda _: None,
    window_seconds: float = 0.0,
) -> Comparison:
    """Check the pooled features against the reference, then time every stage.

    Args:
        net: on the device to be used, in evaluation mode.
        image: uint8 [H, W, 3], RGB.
        windows: [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included; R >= 1.
        settings: what to compare.
        progress: called before each part of the work with its name.
        window_seconds: that finding the windows took.

    Raises:
        ValueError: there are no windows.
        RuntimeError: pooled features differ from the reference's, or windows taken for equal do: a bug in the kernels
            for this machine.
    """
    if len(windows) == 0:
        raise ValueError("windows: expected at least one, got none")
    keep_freed_memory()
    net = net.to(memory_format=torch.channels_last)
    device = next(net.parameters()).device
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(settings.seed))
    job = _Job(net, image, windows[order].to(device), settings, progress)
    measured = {ONE: job.spp_net(settings.one_scale), FIVE: job.spp_net(settings.five_scales)}
    layers = net.head_up_to(settings.layer)
    fc = connected.FullyConnected(layers, measured[FIVE].rows, settings, progress)
    every = fc.seconds(len(windows))
    methods, rcnn = {}, replace(job.rcnn(), fc=every, windows=window_seconds)
    for name, scales in measured.items():
        methods[name] = replace(scales.all, fc=every, windows=window_seconds)
        methods[name + ONCE] = once = replace(scales.once, fc=fc.seconds(scales.distinct), windows=window_seconds)
        for way in fc.ways:
            methods[name + ONCE + way] = replace(once, fc=fc.seconds(scales.distinct, way))
    square = (RCNNFeatures(net).size,) * 2
    return Comparison(
        methods=methods,
        rcnn=rcnn,
        windows=len(windows),
        rcnn_windows=settings.rcnn_sample(len(windows), device),
        rcnn_batch=job.rcnn_batch,
        feature_length=measured[FIVE].rows.shape[1],
        checked_windows=min(CHECKED_WINDOWS, len(windows)),
        distinct={name: scales.distinct / len(windows) for name, scales in measured.items()},
        products={
            **{name: sum(products(net.backbone, size) for size in scales.sizes) for name, scales in measured.items()},
            "R-CNN": len(windows) * products(net.backbone, square),
        },
        bfloat16_difference=fc.difference(BFLOAT16),
        int8_difference=fc.difference(INT8),
        ranks=fc.ranks,
    )


@dataclass(frozen=True)
class _Scales:
    """What was measured of SPP-net at some scales, without fully connected layers."""

    all: Stages
    once: Stages
    distinct: int  # windows
    rows: Tensor  # [R, C*M]
    sizes: list[tuple[int, int]]  # of the resized photos, (height, width)


class _Job:
    """What is timed. The windows are in random order, so that the first ones are a random sample."""

    def __init__(
        self, net: SPPNet, image: Pixels, windows: Tensor, settings: Settings, progress: Callable[[str], None]
    ) -> None:
        self.net = net
        self.image = image
        self.windows = windows
        self.settings = settings
        self.progress = progress
        self.rcnn_batch = 0

    def spp_net(self, scales: tuple[int, ...]) -> _Scales:
        """Time everything but the fully connected layers."""
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
            with watch.stage("pool once"):
                unique = regions.unique(maps, self.windows)
                distinct = regions.pool(maps, self.windows[unique.keep])
            if repeat == 0 and not torch.equal(distinct[unique.inverse], rows):
                raise RuntimeError("windows that fall on the same cells were pooled differently")
            del distinct
        all_, once = (
            Stages(watch.median("prepare"), watch.median("conv"), watch.median(pool)) for pool in ("pool", "pool once")
        )
        sizes = [(pixels.shape[2], pixels.shape[3]) for pixels, _ in resized]
        return _Scales(all_, once, len(unique.keep), rows, sizes)

    def rcnn(self) -> Stages:
        """Time everything but the fully connected layers: the median batch of the sample, scaled to all windows."""
        device = self.windows.device
        sample = self.settings.rcnn_sample(len(self.windows), device)
        batches = self.settings.rcnn_batches(len(self.windows), device)
        self.rcnn_batch = min(batches, key=self._rcnn_conv) if len(batches) > 1 else batches[0]
        watch = Stopwatch(device)
        for _ in self._rcnn(watch, sample // self.rcnn_batch):
            self.progress(f"R-CNN, {sample} of {len(self.windows)} windows")
        number = len(self.windows) / self.rcnn_batch
        return Stages(*(watch.median(stage) * number for stage in ("prepare", "conv", "pool")))

    def _rcnn_conv(self, batch: int) -> float:
        """Return seconds a window that the convolutions take in batches of this size."""
        self.progress(f"R-CNN in batches of {batch}")
        watch = Stopwatch(self.windows.device)
        squares = next(RCNNFeatures(self.net, batch=batch).warped(self.image, self.windows))
        for _ in range(3):
            with watch.stage("conv"):
                RCNNFeatures(self.net).maps(squares)
        return watch.median("conv") / len(squares)

    def _rcnn(self, watch: Stopwatch, batches: int) -> Iterator[None]:
        """Time the batches, after one to warm up."""
        whole = self.windows[: batches * self.rcnn_batch]
        features = RCNNFeatures(self.net, batch=self.rcnn_batch)
        warped = features.warped(self.image, torch.cat([whole[: self.rcnn_batch], whole]))
        for _ in range(batches + 1):
            yield
            with watch.stage("prepare"):
                squares = next(warped)
            with watch.stage("conv"):
                maps = features.maps(squares)
            with watch.stage("pool"):
                self.net.pool(maps)

    def _check_against_reference(self, regions: RegionFeatures, maps: ScaledMaps) -> None:
        checked = self.windows[:CHECKED_WINDOWS]
        wrong = differing_windows(maps.maps, checked, regions.levels, maps.projections, regions.target_area)
        if wrong:
            raise RuntimeError(f"{wrong} of {len(checked)} windows were pooled otherwise than by the reference")
