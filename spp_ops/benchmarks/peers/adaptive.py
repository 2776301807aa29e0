"""``adaptive_max_pool2d``: whole maps in one call a level, windows in a loop."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers.base import Agreement, Pass, Run, TorchPeer


class AdaptiveMaxPool(TorchPeer):
    """adaptive_max_pool2d, a call a level + cat, window by window; whole maps at once, turned to channels-last first.

    On whole maps the turn pays: the function is several times faster on channels-last maps.
    """

    name = "adaptive"
    agreement = Agreement.INSIDE

    @override
    def pool(self, work: Workload, maps: list[Tensor], out: Tensor | None) -> Tensor:
        if work.case.whole:
            return _cat(_levels(maps[0].contiguous(memory_format=torch.channels_last), work.levels), 1, out)
        return _cat([torch.cat(_levels(crop, work.levels), 1) for crop in _crops(work, maps)], 0, out)


class AdaptiveMaxPoolChannelsLast(AdaptiveMaxPool):
    """adaptive_max_pool2d on maps that come as channels-last."""

    name = "adaptive-channels-last"

    @override
    def declines(self, work: Workload) -> str | None:
        return super().declines(work) if work.case.whole else "matters for whole maps only"

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        return super().run(work.channels_last(), timed)


def _crops(work: Workload, maps: list[Tensor]) -> list[Tensor]:
    """Return each window's part of its map, [1, C, height, width]."""
    images = work.rois[:, 0].long().tolist()
    rows = zip(work.map_index.tolist(), images, work.windows().tolist(), strict=True)
    return [maps[m][image : image + 1, :, y1:y2, x1:x2] for m, image, (x1, y1, x2, y2) in rows]


def _levels(features: Tensor, levels: tuple[int, ...]) -> list[Tensor]:
    return [adaptive_max_pool2d(features, level).flatten(1) for level in levels]


def _cat(parts: list[Tensor], dim: int, out: Tensor | None) -> Tensor:
    return torch.cat(parts, dim) if out is None else torch.cat(parts, dim, out=out)
