"""Ours: ``spp_ops.roi_spatial_pyramid_pool``, and ``spatial_pyramid_pool`` on whole maps."""

from __future__ import annotations

from torch import Tensor
from torch.utils.checkpoint import checkpoint
from typing_extensions import override

from spp_ops import roi_spatial_pyramid_pool, spatial_pyramid_pool
from spp_ops._core.extension import force_cpu_level, force_cpu_reading
from spp_ops.benchmarks.cases import CASES, STRIDE, TARGET_AREA, Workload
from spp_ops.benchmarks.peers.base import Agreement, Pass, Peer, Run, TorchPeer


class Ours(TorchPeer):
    """spp_ops; the output in place where no gradients are wanted, else fresh."""

    name = "ours"

    @override
    def pool(self, work: Workload, maps: list[Tensor], out: Tensor | None) -> Tensor:
        # A spatial scale counts in cells, and so does the area that decides which map serves a window.
        target = TARGET_AREA / STRIDE**2
        return roi_spatial_pyramid_pool(maps, work.rois, work.levels, work.spatial_scales, target_area=target, out=out)


class OursFresh(Ours):
    """spp_ops with an output of its own; on whole maps spatial_pyramid_pool."""

    name = "ours-fresh"
    passes = frozenset({Pass.FORWARD})

    @override
    def pool(self, work: Workload, maps: list[Tensor], out: Tensor | None) -> Tensor:
        return spatial_pyramid_pool(maps[0], work.levels) if work.case.whole else super().pool(work, maps, None)


class OursWithIndices(Ours):
    """spp_ops' forward as training runs it: an output of its own, and whatever backward will need."""

    name = "ours-indices"
    passes = frozenset({Pass.FORWARD})

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        leaves = [m.detach().requires_grad_() for m in work.maps]
        return Run(lambda _: self.pool(work, leaves, None), tensors=lambda pooled: [pooled.detach()])


class OursRecomputed(Ours):
    """spp_ops without indices kept: backward pools again to find the cells (torch.utils.checkpoint)."""

    name = "ours-recomputed"
    passes = frozenset({Pass.TRAINING})

    @override
    def declines(self, work: Workload) -> str | None:
        return super().declines(work) if work.device.type == "cpu" else "measured on the CPU"

    @override
    def pool(self, work: Workload, maps: list[Tensor], out: Tensor | None) -> Tensor:
        pooled: Tensor = checkpoint(
            lambda *given: super(OursRecomputed, self).pool(work, list(given), None),
            *maps,
            use_reentrant=False,
            preserve_rng_state=False,
        )
        return pooled


class OursChannelsLast(Ours):
    """spp_ops on maps that come as channels-last."""

    name = "ours-channels-last"

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        return super().run(work.channels_last(), timed)


class OursAtLevel(Ours):
    """spp_ops with the kernels built for one level of processor, where this one has it."""

    passes = frozenset({Pass.FORWARD})

    def __init__(self, level: str) -> None:
        self.level = level
        self.name = f"ours-{level}"

    @property
    @override
    def about(self) -> str:
        return f"spp_ops with the kernels built for {self.level} processors"

    @override
    def declines(self, work: Workload) -> str | None:
        if work.device.type != "cpu" or work.case.rows == 1:
            return "measured where the CPU kernels dominate"
        try:
            with force_cpu_level(self.level):
                return super().declines(work)
        except ValueError:
            return "needs another processor or build"

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        run = super().run(work, timed)

        def call(prepared: None) -> Tensor:
            with force_cpu_level(self.level):
                pooled: Tensor = run.call(prepared)
                return pooled

        return Run(call)


class OursReading(Ours):
    """spp_ops with bins read in one way, whatever the cost model says."""

    passes = frozenset({Pass.FORWARD})

    def __init__(self, reading: str) -> None:
        self.reading = reading
        self.name = f"ours-{reading}"

    @property
    @override
    def about(self) -> str:
        ways = {"cells": "cell by cell", "tables": "from range-maximum tables"}
        return f"spp_ops with all bins read {ways[self.reading]}, whatever the cost model says"

    @override
    def declines(self, work: Workload) -> str | None:
        return super().declines(work) if work.device.type == "cpu" else "a choice of the CPU kernels"

    @override
    def pool(self, work: Workload, maps: list[Tensor], out: Tensor | None) -> Tensor:
        with force_cpu_reading(self.reading):
            return super().pool(work, maps, out)


class MainAndLargerMaps(Peer):
    """MAIN by spp_ops, then each of the maps larger than MAIN's read once: what several maps should cost."""

    name = "ours-main+maps"
    agreement = Agreement.NOWHERE

    @override
    def declines(self, work: Workload) -> str | None:
        return super().declines(work) if len(work.maps) > 1 else "the yardstick of several maps"

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        main = CASES["MAIN"].draw(work.dtype, work.device)
        larger = [m for m in work.maps if m.numel() > main.maps[0].numel()]
        pool = Ours().run(main, timed)
        return Run(lambda _: (pool.call(None), [m.sum() for m in larger]))
