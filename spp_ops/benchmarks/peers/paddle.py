"""Paddle's ``roi_pool``. Optional even among the optional peers: it is large."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from spp_ops.benchmarks.cases import Workload
from spp_ops.benchmarks.peers.base import CpuPeer, Pass, Run


class Paddle(CpuPeer):
    """Paddle roi_pool, a call a level + concat."""

    name = "paddle"
    packages = ("paddle",)
    passes = frozenset(Pass)

    @override
    def missing(self) -> str | None:
        return "not installed: paddle (pip install paddlepaddle)" if super().missing() else None

    @override
    def declines(self, work: Workload) -> str | None:
        return "measured on one map" if len(work.maps) > 1 else super().declines(work)

    @override
    def run(self, work: Workload, timed: Pass) -> Run:
        import paddle
        from paddle.vision.ops import roi_pool

        paddle.set_device("cpu")
        features = paddle.to_tensor(work.maps[0].numpy(), stop_gradient=timed is Pass.FORWARD)
        boxes = paddle.to_tensor(work.rois[:, 1:].contiguous().numpy())
        windows_an_image = paddle.to_tensor(work.rois[:, 0].long().bincount().int().numpy())
        grad = paddle.to_tensor(work.grad.numpy())

        def pooled(_: None = None) -> Any:
            levels = [roi_pool(features, boxes, windows_an_image, n, work.spatial_scales[0]) for n in work.levels]
            return paddle.concat([level.flatten(1) for level in levels], 1)

        def gradient(output: Any) -> Any:
            return paddle.grad(output, features, grad)[0]

        if timed is Pass.FORWARD:
            return Run(pooled, tensors=_tensors)
        if timed is Pass.BACKWARD:
            return Run(gradient, before=pooled, tensors=_tensors)
        return Run(lambda _: gradient(pooled()), tensors=_tensors)


def _tensors(result: Any) -> list[Tensor]:
    return [torch.from_numpy(result.numpy())]
