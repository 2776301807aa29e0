"""What a detector learns from a step: the gradient goes through head, pooling operator and convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.features.regions import RegionFeatures
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.samples import Sample, TrainingSamples
from spp_ops.detection.losses import Losses, counted, window_losses
from spp_ops.engine.distributed import summed
from spp_ops.engine.schedule import Schedule
from spp_ops.engine.seeds import Purpose
from spp_ops.engine.trainer import Trainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric


Resized: TypeAlias = tuple[Tensor, tuple[float, float]]  # [1, 3, h, w], and its size relative to the original's


class WindowScores(nn.Module):
    """Images and their windows -> scores and corrections; the module whose gradient is shared by all processes.

    Args:
        net: what is trained.
        features: its features at each of the scales, in their order.
    """

    def __init__(self, net: RegionNet, features: list[RegionFeatures]) -> None:
        super().__init__()
        self.net = net
        self._features = features

    def forward(self, images: list[Resized], scales: list[int], windows: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Convolutions image by image, as their sizes differ; then all windows through the head at once.

        Args:
            images: each image at its scale.
            scales: which of the scales that is.
            windows: [R, 4] of each image, in pixels of the original.
        """
        rows = []
        for image, scale, boxes in zip(images, scales, windows, strict=True):
            features = self._features[scale]
            rows.append(features.pool(features.maps([image]), boxes))
        scores: tuple[Tensor, Tensor | None] = self.net.head(torch.cat(rows))
        return scores

    def resized(self, sample: Sample) -> Resized:
        """A sample's image at its scale, on the device."""
        return self._features[sample.scale].resized(sample.pixels.numpy())[0]


class JointTrainer(Trainer[list[Sample]]):
    """Trains a detector's network.

    A step's gradient is that of the mean loss over all its windows. Normalization layers of the convolutions keep
    their statistics: one image gives none worth having.

    Args:
        net: channels-last convolutions are fastest.
        features: of `net`, at each of the scales of `config`.
        data: images with their windows.
        config: how to train.
        fabric: launched.
    """

    names = ("class_loss", "box_loss", "gradient")  # the last is the norm of what came through the pooling operator
    losses = 2  # the gradient may be infinite now and then, in 16-bit arithmetic
    order = Purpose.JOINT_ORDER
    noise = Purpose.JOINT_NOISE

    def __init__(
        self,
        net: RegionNet,
        features: list[RegionFeatures],
        data: TrainingSamples,
        config: JointConfig,
        fabric: Fabric,
    ) -> None:
        groups = parameter_groups(net, config)
        parameters = [{"params": parameters, "lr": config.lr * relative} for parameters, relative in groups]
        self._scores = WindowScores(net, features)
        optimizer = make_optimizer(parameters, config)
        too_fast = f"lr: expected a smaller one than {config.lr:g}"
        fixed = (net, self._scores, optimizer, data, config.images_per_step, fabric)
        super().__init__(*fixed, seed=config.seed, ema=config.ema, too_fast=too_fast)
        self.schedule = Schedule.of_run(config.warmup, config.milestones, config.epochs, self.epoch_steps)
        self._config = config
        self._head = net.head
        self._relative_rates = [relative for _, relative in groups]
        self._last_convolution = [layer for layer in net.backbone.modules() if isinstance(layer, nn.Conv2d)][-1].weight

    def rates(self) -> list[float]:
        """Return the learning rate of each group at the next step."""
        schedule, place = self.schedule, self.place
        rate = self._config.lr * 0.1 ** schedule.divisions(place) * schedule.warmed(place)
        return [rate * relative for relative in self._relative_rates]

    def collate(self, items: list[Sample]) -> list[Sample]:
        """Leave samples as they are: images differ in size."""
        return items

    def loss(self, batch: list[Sample], size: int, weight: float) -> tuple[Tensor, list[Tensor]]:
        """Return this process' part of the joint loss, and of its two terms: means over the step's windows."""
        losses = self._window_losses(batch)
        count = self.fabric.device, weight * len(losses.classes)
        windows = summed(self.fabric, torch.tensor(count[1], device=count[0])).clamp_min(1)
        parts = [part.sum() * weight / windows for part in losses]
        return parts[0] + self._config.box_weight * parts[1], parts

    def before_update(self) -> list[Tensor]:
        """Shorten the gradient; return the norm of the last convolution's before that, 0 where it learns nothing."""
        longest = self._config.clip_norm
        whole = self.fabric.clip_gradients(self.model, self.optimizer, max_norm=longest, error_if_nonfinite=False)
        assert whole is not None
        gradient = self._last_convolution.grad
        norm = torch.zeros_like(whole) if gradient is None else gradient.norm() * (whole / longest).clamp_min(1)
        return [norm / self.fabric.world_size]  # each process has the same norm

    def begin_training(self) -> None:
        """Let the network learn, but for the statistics of normalization layers."""
        super().begin_training()
        for layer in self._scores.net.backbone.modules():
            if isinstance(layer, nn.modules.batchnorm._NormBase):
                layer.eval()

    def _window_losses(self, samples: list[Sample]) -> Losses:
        """Of the windows that count [R]."""
        config, device = self._config, self.fabric.device
        images = [self._scores.resized(sample) for sample in samples]
        windows = [sample.windows.to(device) for sample in samples]
        scores, corrections = self.model(images, [sample.scale for sample in samples], windows)
        labels = torch.cat([sample.labels for sample in samples]).to(device)
        targets = torch.cat([sample.targets for sample in samples]).to(device) / self._head.box_std
        losses = window_losses(scores, corrections, labels, targets, config.box_beta)
        counts = [len(sample.labels) for sample in samples]
        return counted(losses, counts, config.hard_share, config.box_weight)


def make_optimizer(parameters: list[dict[str, Any]], config: JointConfig) -> torch.optim.Optimizer:
    """The optimizer of groups of parameters, each with its learning rate."""
    if config.optimizer == "adam":
        return torch.optim.AdamW(parameters, weight_decay=config.weight_decay)
    return torch.optim.SGD(parameters, momentum=config.momentum, weight_decay=config.weight_decay)


def parameter_groups(net: RegionNet, config: JointConfig) -> list[tuple[list[nn.Parameter], float]]:
    """Return what learns, with its learning rate relative to the head's; the rest no longer wants a gradient."""
    layers = list(net.backbone.children())
    frozen = layers if config.backbone_lr == 0 else layers[: config.frozen_layers]
    for layer in frozen:
        layer.requires_grad_(False)
    below = [parameter for parameter in net.backbone.parameters() if parameter.requires_grad]
    groups = [(below, config.backbone_lr), (list(net.head.parameters()), 1.0)]
    return [(parameters, relative) for parameters, relative in groups if parameters]
