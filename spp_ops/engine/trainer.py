"""The training loop: gradient steps over epochs of batches, on one process or several, stopped and resumed at any step.

A trainer says by itself what a step learns from; what else happens in a run is `run.py`'s.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from spp_ops.engine.distributed import summed
from spp_ops.engine.loading import Item_co, Rows, load_batches
from spp_ops.engine.seeds import Purpose, seed_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Batch = TypeVar("Batch")
Numbers = list[float]  # what a step is known by, in the order of `Trainer.names`
_STEPS_AT_A_TIME = 50  # between two looks at the losses, each of which waits for the device


class EpochRows(Rows[Item_co], Protocol[Item_co]):
    """Data that an epoch may change."""

    def begin_epoch(self, epoch: int) -> None:
        """Set up the rows of this epoch."""


class Trainer(ABC, Generic[Batch]):
    """Trains a network; its state is known after every step.

    A step's gradient is that of the mean loss over the whole batch, however many processes share it. Random numbers
    follow from the seed, the step and the process.

    Attributes:
        names: of the numbers of a step; the losses come first.
        net: what is trained, on the device.
        average: its moving average; None where none is kept.
        epoch: the epoch at work, or next.
        batch: batches done of it.
        step: batches done in all.
        numbers: of each batch of this epoch, over all processes.
        epoch_steps: steps of an epoch.

    Args:
        net: whose tensors are saved.
        model: what is called: `net`, or a module around it.
        optimizer: of the parameters that learn.
        data: what to train on.
        batch_size: rows a step, over all processes.
        fabric: launched.
        seed: of all that is random.
        ema: decay a step of the moving average; 0: none is kept.
        too_fast: says which setting is to be smaller where the loss is no longer finite.
    """

    names: tuple[str, ...]
    losses: int = 1  # how many of the numbers must be finite
    order: ClassVar[Purpose]  # of the seed of the rows' order
    noise: ClassVar[Purpose]  # of the seed of what else is drawn in a step

    def __init__(
        self,
        net: nn.Module,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        data: EpochRows[Any],
        batch_size: int,
        fabric: Fabric,
        *,
        seed: int,
        ema: float = 0.0,
        too_fast: str,
    ) -> None:
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.fabric = fabric
        self.data = data
        self.net = net
        self.average = _average(net, ema) if ema > 0 else None
        self.epoch = self.batch = self.step = 0
        self.numbers: list[Numbers] = []
        self.epoch_steps = -(-len(data) // batch_size)
        self._batch_size = batch_size
        self._seed = seed
        self._too_fast = too_fast
        self._unread: list[Tensor] = []
        self._after_numbers: Callable[[int, list[Numbers]], None] = lambda first_step, numbers: None

    @abstractmethod
    def rates(self) -> list[float]:
        """Return the learning rate of each of the optimizer's groups at the next step."""

    @abstractmethod
    def collate(self, items: list[Any]) -> Batch:
        """Make a batch of its items, in a process that loads ahead."""

    @abstractmethod
    def loss(self, batch: Batch, size: int, weight: float) -> tuple[Tensor, list[Tensor]]:
        """Return this process' part of the step's loss, and of each of its numbers known so far.

        Args:
            batch: this process' share.
            size: rows of the whole batch.
            weight: of the share: 1, or 0 where the share is there only for the sake of the others.
        """

    def before_update(self) -> list[Tensor]:
        """Do what is to be done with the gradient; return this process' part of the numbers known from it."""
        return []

    def begin_training(self) -> None:
        """Put the network into the mode that it learns in."""
        self.net.train()

    @property
    def lr(self) -> float:
        """The learning rate of the head at the next step."""
        return self.rates()[-1]

    @property
    def place(self) -> int:
        """The next step of the run: what schedules go by."""
        return self.epoch * self.epoch_steps + self.batch

    def batches(self) -> list[list[int]]:
        """Rows of the current epoch's batches: all once, in random order; the last batch may be smaller."""
        return shuffled_batches(len(self.data), self._batch_size, seed_of(self._seed, self.order, self.epoch))

    def train_epoch(
        self,
        *,
        workers: int = 0,
        after_step: Callable[[], None] = lambda: None,
        after_numbers: Callable[[int, list[Numbers]], None] = lambda first_step, numbers: None,
    ) -> dict[str, float]:
        """Do what is left of the current epoch.

        Args:
            workers: processes that load ahead.
            after_step: called after each step.
            after_numbers: called with the numbers of some steps and the first one's place, when they are known.

        Returns:
            The numbers' means over all rows of the epoch, by name.

        Raises:
            ValueError: the loss is no longer finite.
        """
        self._after_numbers = after_numbers
        self.data.begin_epoch(self.epoch)
        batches = self.batches()
        left = batches[self.batch :]
        rank, world = self.fabric.global_rank, self.fabric.world_size
        # A process without a row of its own takes the batch's first one, to no effect, as all must take the step.
        shares = [rows[rank::world] or rows[:1] for rows in left]
        pin = self.fabric.device.type == "cuda"
        self.begin_training()
        loaded = load_batches(self.data, shares, self.collate, workers=workers, pin_memory=pin)
        for batch, rows in zip(loaded, left, strict=True):
            self._train_batch(batch, len(rows), float(rank < len(rows)))
            after_step()
        self.read_numbers()
        weights = torch.tensor([len(rows) for rows in batches[: len(self.numbers)]], dtype=torch.float64)[:, None]
        means = ((torch.tensor(self.numbers, dtype=torch.float64) * weights).sum(dim=0) / weights.sum()).tolist()
        self.epoch, self.batch, self.numbers = self.epoch + 1, 0, []
        return dict(zip(self.names, means, strict=True))

    def _train_batch(self, batch: Batch, size: int, weight: float) -> None:
        torch.manual_seed(seed_of(self._seed, self.noise, self.step, self.fabric.global_rank))
        for group, rate in zip(self.optimizer.param_groups, self.rates(), strict=True):
            group["lr"] = rate
        loss, numbers = self.loss(batch, size, weight)
        self.fabric.backward(loss * self.fabric.world_size)  # gradients are averaged over processes
        numbers = [*numbers, *self.before_update()]
        self._unread.append(torch.stack(numbers).detach())
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update_parameters(self.net)
        self.batch += 1
        self.step += 1
        if len(self._unread) == _STEPS_AT_A_TIME:
            self.read_numbers()

    def read_numbers(self) -> None:
        """Bring `numbers` up to date; all processes together.

        Raises:
            ValueError: a loss is not finite.
        """
        if not self._unread:
            return
        rows = summed(self.fabric, torch.stack(self._unread)).cpu()
        self._unread.clear()
        numbers: list[Numbers] = rows.tolist()
        self.numbers += numbers
        self._after_numbers(self.step - len(numbers), numbers)
        if not rows[:, : self.losses].isfinite().all():
            raise ValueError(f"{self._too_fast}: the loss is no longer finite")

    def state(self) -> dict[str, Any]:
        """All that `restore` needs besides the tensors of `net` and `average`; all processes together."""
        self.read_numbers()
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "numbers": [list(numbers) for numbers in self.numbers],
            "optimizer": self.optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
        }

    def restore(self, state: dict[str, Any], model: dict[str, Tensor], average: dict[str, Tensor] | None) -> None:
        """Go on from a saved state."""
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
        # Classifiers' runs once had one loss a step, and a state of the schedule, which follows from the settings.
        self.numbers = [[loss] for loss in state["losses"]] if "losses" in state else list(state["numbers"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.net.load_state_dict(model)
        if self.average is not None and average is not None:
            self.average.module.load_state_dict(average)
            self.average.n_averaged.fill_(self.step)


def shuffled_batches(rows: int, size: int, seed: int) -> list[list[int]]:
    """Return batches of all rows in random order; the last one may be smaller."""
    order: list[int] = torch.randperm(rows, generator=torch.Generator().manual_seed(seed)).tolist()
    return [order[first : first + size] for first in range(0, rows, size)]


def _average(net: nn.Module, decay: float) -> AveragedModel:
    return AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
