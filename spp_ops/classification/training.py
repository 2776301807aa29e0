"""The training loop: SGD over epochs of batches, on one process or several, stopped and resumed at any step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import MultiStepLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from spp_ops.classification.config import TrainingConfig
from spp_ops.classification.data import EpochData, epoch_batches
from spp_ops.engine.distributed import summed
from spp_ops.engine.seeds import seed_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_NOISE = 3  # what a seed is for; data.py has the others
_LOSSES_AT_A_TIME = 50  # steps between two looks at the losses, each of which waits for the device


class Trainer:
    """Trains a network; its state is known after every step.

    A step's gradient is that of the mean loss over the whole batch, however many processes share it. Dropout's random
    numbers follow from the seed, the step and the process.

    Attributes:
        net: what is trained, on the device.
        average: its moving average; None where none is kept.
        epoch: the epoch at work, or next.
        batch: batches done of it.
        step: batches done in all.
        losses: mean loss of each batch of this epoch, over all processes.

    Args:
        net: moved to the device of `fabric`. Where it has a `backbone`, `config.backbone_lr` is for that.
        config: how to train.
        fabric: launched.
        prepare: what becomes of a batch, on the device, before the network sees it.
    """

    def __init__(
        self,
        net: nn.Module,
        config: TrainingConfig,
        fabric: Fabric,
        prepare: Callable[[Tensor], Tensor] = lambda inputs: inputs,
    ) -> None:
        groups = parameter_groups(net, config)
        optimizer = torch.optim.SGD(groups, momentum=config.momentum, weight_decay=config.weight_decay)
        self._model, self._optimizer = fabric.setup(net, optimizer)
        self._schedule = MultiStepLR(optimizer, list(config.milestones), gamma=0.1)
        self._config = config
        self._fabric = fabric
        self._prepare = prepare
        self._unread: list[Tensor] = []
        self._after_losses: Callable[[int, list[float]], None] = lambda first_step, losses: None
        self.net = net
        self.average = _average(net, config.ema) if config.ema > 0 else None
        self.epoch = self.batch = self.step = 0
        self.losses: list[float] = []

    @property
    def lr(self) -> float:
        """The learning rate of the head."""
        return float(self._optimizer.param_groups[-1]["lr"])

    def train_epoch(
        self,
        data: EpochData,
        *,
        workers: int = 0,
        after_step: Callable[[], None] = lambda: None,
        after_losses: Callable[[int, list[float]], None] = lambda first_step, losses: None,
    ) -> float:
        """Do what is left of the current epoch.

        Args:
            data: what to train on.
            workers: processes that load ahead.
            after_step: called after each step.
            after_losses: called with the losses of some steps and the first one's number, when they are known.

        Returns:
            The mean loss of the whole epoch, over all processes.

        Raises:
            ValueError: the loss is no longer finite.
        """
        fabric = self._fabric
        self._after_losses = after_losses
        data.begin_epoch(self.epoch)
        batches = epoch_batches(self._config, len(data), self.epoch)
        left = [batch for batch in batches[self.batch :] if len(batch) >= fabric.world_size]
        shares = [batch[fabric.global_rank :: fabric.world_size] for batch in left]
        pin = fabric.device.type == "cuda"
        loader: DataLoader[Any] = DataLoader(
            data,  # type: ignore[arg-type]
            batch_sampler=shares,
            num_workers=workers,
            pin_memory=pin,
        )
        self._training_mode()
        for (inputs, labels), batch in zip(loader, left, strict=True):
            self._train_batch(inputs.to(fabric.device), labels.to(fabric.device), len(batch))
            after_step()
        self.read_losses()
        weights = [len(batch) for batch in batches[: len(self.losses)]]
        mean = sum(loss * weight for loss, weight in zip(self.losses, weights, strict=True)) / sum(weights)
        self._schedule.step()
        self.epoch, self.batch, self.losses = self.epoch + 1, 0, []
        return mean

    def _train_batch(self, inputs: Tensor, labels: Tensor, batch_size: int) -> None:
        fabric = self._fabric
        torch.manual_seed(seed_of(self._config.seed, _NOISE, self.step, fabric.global_rank))
        scores = self._model(self._prepare(inputs))
        loss = F.cross_entropy(scores, labels, reduction="sum") / batch_size
        fabric.backward(loss * fabric.world_size)  # gradients are averaged over processes
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self.average is not None:
            self.average.update_parameters(self.net)
        self._unread.append(loss.detach())
        self.batch += 1
        self.step += 1
        if len(self._unread) == _LOSSES_AT_A_TIME:
            self.read_losses()

    def read_losses(self) -> None:
        """Bring `losses` up to date; all processes together.

        Raises:
            ValueError: one is not finite.
        """
        if not self._unread:
            return
        losses: list[float] = summed(self._fabric, torch.stack(self._unread)).tolist()
        self._unread.clear()
        self.losses += losses
        self._after_losses(self.step - len(losses), losses)
        if not torch.tensor(losses).isfinite().all():
            raise ValueError(f"lr: expected a smaller one than {self._config.lr:g}: the loss is no longer finite")

    def state(self) -> dict[str, Any]:
        """All that `restore` needs besides the tensors of `net` and `average`; all processes together."""
        self.read_losses()
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "losses": list(self.losses),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
        }

    def restore(self, state: dict[str, Any], model: dict[str, Tensor], average: dict[str, Tensor] | None) -> None:
        """Go on from a saved state."""
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
        self.losses = list(state["losses"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        self.net.load_state_dict(model)
        if self.average is not None and average is not None:
            self.average.module.load_state_dict(average)
            self.average.n_averaged.fill_(self.step)

    def _training_mode(self) -> None:
        self.net.train()
        if self._config.backbone_lr == 0 and hasattr(self.net, "backbone"):
            self.net.get_submodule("backbone").eval()  # frozen: its normalization layers keep their statistics too


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


def _average(net: nn.Module, decay: float) -> AveragedModel:
    return AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
