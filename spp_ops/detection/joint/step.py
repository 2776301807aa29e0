"""From a step's images to their losses: convolutions, proposals, windows, pooling and head in one module."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from spp_ops.detection.detectors.learning import draw_proposed
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.detectors.proposer import ProposalLosses
from spp_ops.detection.features.regions import RegionFeatures, ScaledMaps
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.samples import Sample
from spp_ops.detection.losses import Losses, counted, hardest, window_losses

Resized: TypeAlias = tuple[Tensor, tuple[float, float]]  # [1, 3, h, w], and its size relative to the original's


class StepLosses(NamedTuple):
    """What a process' share of a step costs."""

    windows: Losses  # of each window that counts, [R]
    proposals: ProposalLosses  # of each image, [I]; none where windows are not learned


class _Image(NamedTuple):
    """An image's maps, its windows, and what is to be said of them."""

    features: RegionFeatures
    maps: ScaledMaps
    windows: Tensor  # [R, 4]
    labels: Tensor  # [R]
    targets: Tensor  # [R, 4]

    def pooled(self) -> Tensor:
        return self.features.pool(self.maps, self.windows)

    def only(self, rows: Tensor) -> _Image:
        return self._replace(windows=self.windows[rows], labels=self.labels[rows], targets=self.targets[rows])

    def detached(self) -> _Image:
        return self._replace(maps=self.maps.detached())


class JointStep(nn.Module):
    """Images and their windows -> losses; the module whose gradient is shared by all processes.

    Args:
        net: what is trained.
        features: its features at each of the scales, in their order.
        config: how it is trained.
    """

    def __init__(self, net: RegionNet, features: list[RegionFeatures], config: JointConfig) -> None:
        super().__init__()
        self.net = net
        self._features = features
        self._config = config

    def resized(self, sample: Sample) -> Resized:
        """A sample's image at its scale, on the device."""
        return self._features[sample.scale].resized(sample.pixels.numpy())[0]

    def forward(self, images: list[Resized], samples: list[Sample]) -> StepLosses:
        """Convolutions image by image, as their sizes differ; then all windows through the head at once.

        Args:
            images: what `resized` gave.
            samples: the images' windows or objects.
        """
        ready: list[_Image] = []
        proposals: list[ProposalLosses] = []
        for image, sample in zip(images, samples, strict=True):
            features = self._features[sample.scale]
            maps = features.maps([image])
            drawn = sample.windows, sample.labels, sample.targets
            if sample.shown is not None:
                generator = torch.Generator().manual_seed(sample.seed)
                size = sample.pixels.shape[0], sample.pixels.shape[1]
                found, losses = draw_proposed(self.net, features, maps, sample.shown, size, self._config, generator)
                drawn = found.windows, found.labels, found.corrections
                proposals.append(losses)
            ready.append(_Image(features, maps, *(each.to(image[0].device) for each in drawn)))
        none = images[0][0].new_zeros(0)
        of_proposals = [torch.stack(losses) for losses in zip(*proposals, strict=True)] or [none, none]
        return StepLosses(self._window_losses(ready), ProposalLosses(*of_proposals))

    def _window_losses(self, images: list[_Image]) -> Losses:
        """Of the windows that count."""
        config = self._config
        counts = [len(image.labels) for image in images]
        if config.hard_share == 1 or not config.score_first:
            return counted(self._losses(images), counts, config.hard_share, config.box_weight)
        losses = self._scored([image.detached() for image in images])
        rows = hardest(losses.classes + config.box_weight * losses.boxes, counts, config.hard_share)
        firsts = [sum(counts[:image]) for image in range(len(counts))]
        own = [
            rows[(rows >= first) & (rows < first + count)] - first for first, count in zip(firsts, counts, strict=True)
        ]
        return self._losses([image.only(chosen) for image, chosen in zip(images, own, strict=True)])

    @torch.no_grad()
    def _scored(self, images: list[_Image]) -> Losses:
        """Of all windows of the images, to choose by: without gradients and dropout."""
        mode = self.net.head.training
        try:
            self.net.head.eval()
            return self._losses(images)
        finally:
            self.net.head.train(mode)

    def _losses(self, images: list[_Image]) -> Losses:
        """Of all windows of the images."""
        labels = torch.cat([image.labels for image in images])
        targets = torch.cat([image.targets for image in images]) / self.net.head.box_std
        scores, corrections = self.net.head(torch.cat([image.pooled() for image in images]))
        return window_losses(scores, corrections, labels, targets, self._config.box_beta)
