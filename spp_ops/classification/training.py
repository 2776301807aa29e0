"""What a classifier learns from a step: cross-entropy, by SGD."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spp_ops.classification.config import TrainingConfig
from spp_ops.engine.loading import stacked
from spp_ops.engine.schedule import Schedule
from spp_ops.engine.seeds import Purpose
from spp_ops.engine.trainer import EpochRows, Trainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class ClassifierTrainer(Trainer[tuple[Tensor, Tensor]]):
    """Trains a network to give each input its class.

    Args:
        net: moved to the device of `fabric`. Where it has a `backbone`, `config.backbone_lr` is for that.
        data: inputs and their classes.
        config: how to train.
        fabric: launched.
        prepare: what becomes of a batch, on the device, before the network sees it.
    """

    names = ("train_loss",)
    order = Purpose.CLASSIFIER_ORDER
    noise = Purpose.CLASSIFIER_NOISE

    def __init__(
        self,
        net: nn.Module,
        data: EpochRows[tuple[Tensor, int]],
        config: TrainingConfig,
        fabric: Fabric,
        prepare: Callable[[Tensor], Tensor] = lambda inputs: inputs,
    ) -> None:
        groups = parameter_groups(net, config)
        optimizer = torch.optim.SGD(groups, momentum=config.momentum, weight_decay=config.weight_decay)
        too_fast = f"lr: expected a smaller one than {config.lr:g}"
        fixed = (net, net, optimizer, data, config.batch_size, fabric)
        super().__init__(*fixed, seed=config.seed, ema=config.ema, too_fast=too_fast)
        self.schedule = Schedule.of_run(config.warmup, config.milestones, config.epochs, self.epoch_steps)
        self._base_rates = [float(group["lr"]) for group in groups]
        self._config = config
        self._prepare = prepare

    def rates(self) -> list[float]:
        """Return the learning rate of each group at the next step."""
        warmed, rates = self.schedule.warmed(self.place), []
        for base in self._base_rates:
            rate = base
            for _ in range(self.schedule.divisions(self.place)):
                rate *= 0.1  # one after the other, as earlier runs rounded
            rates.append(rate * warmed)
        return rates

    def collate(self, items: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
        """Stack inputs and classes."""
        return stacked(items)

    def loss(self, batch: tuple[Tensor, Tensor], size: int, weight: float) -> tuple[Tensor, list[Tensor]]:
        """Return this process' part of the mean cross-entropy."""
        inputs, labels = (part.to(self.fabric.device) for part in batch)
        loss = F.cross_entropy(self.model(self._prepare(inputs)), labels, reduction="sum") * weight / size
        return loss, [loss]

    def begin_training(self) -> None:
        """Let the network learn; a frozen backbone keeps the statistics of its normalization layers too."""
        super().begin_training()
        if self._config.backbone_lr == 0 and hasattr(self.net, "backbone"):
            self.net.get_submodule("backbone").eval()


def parameter_groups(net: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
    """Return the optimizer's groups: the backbone at its own learning rate, or frozen; then everything else."""
    backbone = getattr(net, "backbone", None)
    below = list(backbone.parameters()) if isinstance(backbone, nn.Module) else []
    ids = {id(parameter) for parameter in below}
    above = [parameter for parameter in net.parameters() if id(parameter) not in ids]
    if config.backbone_lr == 0:
        for parameter in below:
            parameter.requires_grad_(False)
        below = []
    groups = [(below, config.lr * config.backbone_lr), (above, config.lr)]
    return [{"params": parameters, "lr": lr} for parameters, lr in groups if parameters]
