"""torchvision's ``roi_pool`` and ``roi_align``: a call a level, results concatenated."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers.base import Agreement, Pass, Peer, Run, TorchPeer, map_by_map


class _Torchvision(Peer):
    packages = ("torchvision",)

    @override
    def declines(self, work: Workload) -> str | None:
        if work.dtype == torch.bfloat16:
            return "has no bfloat16"
        if work.dtype == torch.float16 and len(work.maps) > 1:
            return "projects boxes in float16, which at these scales gives other windows"
        return super().declines(work)


class _CallALevel(_Torchvision, TorchPeer):
    @override
    def pool(self, work: Workload, maps: list[Tensor], out: Tensor | None) -> Tensor:
        in_place = out if len(maps) == 1 else None

        def one_map(m: int, rois: Tensor) -> Tensor:
            rois = rois.to(work.dtype)
            pooled = [self.level(maps[m], rois, level, work.spatial_scales[m]).flatten(1) for level in work.levels]
            return torch.cat(pooled, 1) if in_place is None else torch.cat(pooled, 1, out=in_place)

        return map_by_map(work, one_map, out)

    @abstractmethod
    def level(self, features: Tensor, rois: Tensor, level: int, spatial_scale: float) -> Tensor:
        """Return [R, C, level, level]."""


class RoIPool(_CallALevel):
    """torchvision roi_pool, a call a level + cat."""

    name = "torchvision"

    @override
    def level(self, features: Tensor, rois: Tensor, level: int, spatial_scale: float) -> Tensor:
        from torchvision.ops import roi_pool

        pooled: Tensor = roi_pool(features, rois, level, spatial_scale)
        return pooled


class RoIAlign(_CallALevel):
    """torchvision roi_align, 2 x 2 samples a bin, a call a level + cat: another operation, for scale."""

    name = "roi_align"
    agreement = Agreement.NOWHERE

    @override
    def level(self, features: Tensor, rois: Tensor, level: int, spatial_scale: float) -> Tensor:
        from torchvision.ops import roi_align

        pooled: Tensor = roi_align(features, rois, level, spatial_scale, sampling_ratio=2)
        return pooled


class OneCall(_Torchvision):
    """torchvision roi_pool, a single call of the first level: the yardstick of call overhead."""

    name = "torchvision-one-call"
    agreement = Agreement.NOWHERE
    passes = frozenset({Pass.FORWARD, Pass.TRAINING})

    @override
    def declines(self, work: Workload) -> str | None:
        return super().declines(work) if work.case.rows == 1 else "measures call overhead only"

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        from torchvision.ops import roi_pool

        features, rois = work.maps[0].detach(), work.rois.to(work.dtype)
        level, scale = work.levels[0], work.spatial_scales[0]

        def forward(_: None) -> Tensor:
            with torch.no_grad():
                pooled: Tensor = roi_pool(features, rois, level, scale)
                return pooled

        if timed is Pass.FORWARD:
            return Run(forward)
        grad = work.grad[:, : features.size(1) * level**2].reshape(1, features.size(1), level, level)
        leaf = features.requires_grad_()
        return Run(lambda _: list(torch.autograd.grad(roi_pool(leaf, rois, level, scale), leaf, grad)), tensors=list)
