"""Stage 2: fully connected layers and a (K+1)-way score on pooled rows, by SGD (paper, section 4.1).

While it goes on, ``finetune-checkpoint.safetensors`` holds ``head.*`` and ``momentum.*``, the tensors of the head and
of SGD, and ``losses`` [batches done]. At the end ``finetune.safetensors`` holds ``head.*`` and ``losses``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from spp_ops.detection.detectors.network import RegionHead
from spp_ops.detection.staged.batches import Batches
from spp_ops.detection.staged.config import FineTuning
from spp_ops.engine.files import atomic_write
from spp_ops.engine.scalars import Scalars
from spp_ops.engine.seeds import Purpose, seed_of
from spp_ops.engine.trainer import Numbers, Trainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric

FILE_NAME = "finetune.safetensors"
CHECKPOINT_NAME = "finetune-checkpoint.safetensors"


class HeadTrainer(Trainer[tuple[Tensor, Tensor]]):
    """Trains a head on batches in their order.

    Args:
        head: what is trained.
        batches: what it learns from.
        config: how.
        seed: of dropout.
        fabric: launched.
    """

    names = ("loss",)
    order = Purpose.STAGED_ORDER
    noise = Purpose.STAGED_NOISE

    def __init__(self, head: RegionHead, batches: Batches, config: FineTuning, seed: int, fabric: Fabric) -> None:
        rates = [rate for rate, count in zip(config.rates, config.batches, strict=True) for _ in range(count)]
        optimizer = torch.optim.SGD(
            head.parameters(), rates[0], momentum=config.momentum, weight_decay=config.weight_decay
        )
        too_fast = f"rates: expected smaller ones than {config.rates}"
        super().__init__(head, head, optimizer, batches, 1, fabric, seed=seed, too_fast=too_fast)
        self._rates = rates

    def rates(self) -> list[float]:
        """Return the learning rate of the next batch."""
        return [self._rates[self.step]]

    def batches(self) -> list[list[int]]:
        """Batches are drawn already, each a row of the data."""
        return [[step] for step in range(len(self.data))]

    def collate(self, items: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Take the batch itself."""
        (batch,) = items
        return batch

    def loss(self, batch: tuple[Tensor, Tensor], size: int, weight: float) -> tuple[Tensor, list[Tensor]]:
        """Return the mean cross-entropy of the batch's windows."""
        rows, labels = (part.to(self.fabric.device) for part in batch)
        scores, _ = self.model(rows)
        loss = F.cross_entropy(scores, labels)
        return loss, [loss]


def new_head(
    size: int, num_classes: int, hidden: tuple[int, ...], row_scale: float, dropout: float, seed: int
) -> RegionHead:
    """A head to be fine-tuned, its weights drawn from the seed.

    Args:
        size: D.
        num_classes: K.
        hidden: widths of the trunk.
        row_scale: what rows are multiplied by; their root mean square is best 1 then.
        dropout: probability of a zero after each hidden layer.
        seed: of the weights.
    """
    torch.manual_seed(seed_of(seed, Purpose.STAGED_HEAD))
    head = RegionHead(size, num_classes, hidden, dropout=dropout, score="softmax", box_input=None)
    head.row_scale.fill_(row_scale)
    return head


def saved_batches(folder: Path) -> int:
    """How many batches are done of a fine-tuning in this folder."""
    for name in (FILE_NAME, CHECKPOINT_NAME):
        if (folder / name).is_file():
            return len(load_file(folder / name)["losses"])
    return 0


def fine_tune(
    trainer: HeadTrainer, folder: Path, checkpoint_every: int, scalars: Scalars, after_step: Callable[[], None]
) -> list[float]:
    """Train a head, or go on with it from the checkpoint in the folder, to the same result.

    Args:
        trainer: at the start.
        folder: of the files.
        checkpoint_every: batches from one checkpoint to the next.
        scalars: get the losses.
        after_step: called after each batch.

    Returns:
        The loss of each batch.

    Raises:
        ValueError: the loss is no longer finite; or a file is damaged.
    """
    head = trainer.net
    finished = folder / FILE_NAME
    if finished.is_file():
        tensors = load_file(finished)
        head.load_state_dict(_part(tensors, "head."))
        return [float(loss) for loss in tensors["losses"]]
    _restore(trainer, folder / CHECKPOINT_NAME)
    losses = [loss for (loss,) in trainer.numbers]

    def checkpoint() -> None:
        after_step()
        if trainer.step % checkpoint_every == 0:
            _save(folder / CHECKPOINT_NAME, trainer, trainer.state()["numbers"])

    def after_numbers(first_step: int, numbers: list[Numbers]) -> None:
        new = [loss for (loss,) in numbers]
        losses.extend(new)
        scalars.add(first_step, {"fine-tuning/loss": new})

    trainer.train_epoch(after_step=checkpoint, after_numbers=after_numbers)
    head.eval()
    _save(finished, trainer, [[loss] for loss in losses], whole=True)
    (folder / CHECKPOINT_NAME).unlink(missing_ok=True)
    return losses


def _save(path: Path, trainer: HeadTrainer, numbers: list[Numbers], *, whole: bool = False) -> None:
    tensors = {f"head.{name}": tensor for name, tensor in trainer.net.state_dict().items()}
    tensors["losses"] = torch.tensor([loss for (loss,) in numbers], dtype=torch.float64)
    if not whole:
        states = trainer.optimizer.state_dict()["state"].values()
        for (name, _), state in zip(trainer.net.named_parameters(), states, strict=True):
            tensors[f"momentum.{name}"] = state["momentum_buffer"]
    with atomic_write(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)


def _restore(trainer: HeadTrainer, path: Path) -> None:
    """Bring the trainer to where the checkpoint was made."""
    if not path.is_file():
        return
    tensors = load_file(path)
    momentum = _part(tensors, "momentum.")
    buffers = [momentum[name] for name, _ in trainer.net.named_parameters()]
    state = trainer.state()
    state["optimizer"]["state"] = {index: {"momentum_buffer": buffer} for index, buffer in enumerate(buffers)}
    state["numbers"] = [[float(loss)] for loss in tensors["losses"]]
    state["batch"] = state["step"] = len(state["numbers"])
    trainer.restore(state, _part(tensors, "head."), None)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
