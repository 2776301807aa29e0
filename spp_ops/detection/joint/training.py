"""What a detector learns from a step: the gradient goes through head, pooling operator and convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.features.regions import RegionFeatures
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.samples import Sample, TrainingSamples
from spp_ops.detection.joint.step import JointStep, StepLosses
from spp_ops.engine.distributed import summed
from spp_ops.engine.schedule import Schedule
from spp_ops.engine.seeds import Purpose
from spp_ops.engine.trainer import Trainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LOSSES = ("class_loss", "box_loss")
PROPOSAL_LOSSES = ("objectness_loss", "anchor_loss")


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

    names: tuple[str, ...] = (*LOSSES, "gradient")  # the last is the norm of what came through the pooling operator
    losses = len(LOSSES)  # the gradient may be infinite now and then, in 16-bit arithmetic
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
        self._step = JointStep(net, features, config)
        self._proposes = net.proposer is not None
        if self._proposes:
            self.names, self.losses = (*LOSSES, *PROPOSAL_LOSSES, "gradient"), len(LOSSES) + len(PROPOSAL_LOSSES)
        optimizer = make_optimizer(parameters, config)
        too_fast = f"lr: expected a smaller one than {config.lr:g}"
        fixed = (net, self._step, optimizer, data, config.images_per_step, fabric)
        super().__init__(*fixed, seed=config.seed, ema=config.ema, too_fast=too_fast)
        self.schedule = Schedule.of_run(config.warmup, config.milestones, config.epochs, self.epoch_steps)
        self._config = config
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
        """Return this process' part of the joint loss, and of its terms: means over the step's windows and images."""
        config = self._config
        losses: StepLosses = self.model([self._step.resized(sample) for sample in batch], batch)
        count = self.fabric.device, weight * len(losses.windows.classes)
        windows = summed(self.fabric, torch.tensor(count[1], device=count[0])).clamp_min(1)
        parts = [part.sum() * weight / windows for part in losses.windows]
        loss = parts[0] + config.box_weight * parts[1]
        if self._proposes:
            of_proposals = [part.sum() * weight / size for part in losses.proposals]
            loss = loss + config.proposal_weight * sum(of_proposals)
            parts += of_proposals
        return loss, parts

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
        for layer in self._step.net.backbone.modules():
            if isinstance(layer, nn.modules.batchnorm._NormBase):
                layer.eval()


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
    proposing = [] if net.proposer is None else list(net.proposer.parameters())
    groups = [(below, config.backbone_lr), (proposing, config.proposal_lr), (list(net.head.parameters()), 1.0)]
    return [(parameters, relative) for parameters, relative in groups if parameters]
