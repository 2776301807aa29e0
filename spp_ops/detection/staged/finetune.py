"""Stage 2: fully connected layers and a (K+1)-way score on pooled rows, by SGD (paper, section 4.1).

While it goes on, ``finetune-checkpoint.safetensors`` holds ``head.*`` and ``momentum.*``, the tensors of the head and
of SGD, and ``losses`` [batches done]. At the end ``finetune.safetensors`` holds ``head.*`` and ``losses``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from spp_ops.detection.detectors.network import RegionHead
from spp_ops.detection.staged.batches import Batches
from spp_ops.detection.staged.config import FineTuning
from spp_ops.engine.files import atomic_write
from spp_ops.engine.seeds import seed_of

FILE_NAME = "finetune.safetensors"
CHECKPOINT_NAME = "finetune-checkpoint.safetensors"
_WEIGHTS, _NOISE = 13, 14  # what a seed is for; batches.py has the others


@dataclass(frozen=True)
class TuningJob:
    """What fine-tuning does besides what decides its result.

    Attributes:
        folder: of the files.
        checkpoint_every: batches from one checkpoint to the next.
        after_batch: called after each batch.
        after_losses: called with the losses of consecutive batches and the first one's number.
    """

    folder: Path
    checkpoint_every: int = 200
    after_batch: Callable[[], None] = lambda: None
    after_losses: Callable[[int, list[float]], None] = lambda first, losses: None


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
    torch.manual_seed(seed_of(seed, _WEIGHTS))
    head = RegionHead(size, num_classes, hidden, dropout=dropout, score="softmax", box_input=None)
    head.row_scale.fill_(row_scale)
    return head


def saved_batches(folder: Path) -> int:
    """How many batches are done of a fine-tuning in this folder."""
    for name in (FILE_NAME, CHECKPOINT_NAME):
        if (folder / name).is_file():
            return len(load_file(folder / name)["losses"])
    return 0


def fine_tune(head: RegionHead, batches: Batches, config: FineTuning, seed: int, job: TuningJob) -> list[float]:
    """Train a head, or go on with it from the checkpoint in the folder, to the same result.

    Args:
        head: from `new_head`, on the device to be used.
        batches: to learn from.
        config: how.
        seed: of dropout.
        job: where to, and whom to tell.

    Returns:
        The loss of each batch.

    Raises:
        ValueError: the loss is no longer finite; or a file is damaged.
    """
    finished = job.folder / FILE_NAME
    if finished.is_file():
        tensors = load_file(finished)
        head.load_state_dict(_part(tensors, "head."))
        return [float(loss) for loss in tensors["losses"]]
    rates = [rate for rate, count in zip(config.rates, config.batches, strict=True) for _ in range(count)]
    optimizer = torch.optim.SGD(head.parameters(), rates[0], momentum=config.momentum, weight_decay=config.weight_decay)
    losses = _restore(head, optimizer, job.folder / CHECKPOINT_NAME)
    head.train()
    for step in range(len(losses), len(rates)):
        optimizer.param_groups[0]["lr"] = rates[step]
        losses.append(_train_batch(head, optimizer, *batches(step), seed=seed_of(seed, _NOISE, step)))
        if not losses[-1] < float("inf"):
            raise ValueError(f"rates: expected smaller ones than {config.rates}: the loss is no longer finite")
        job.after_batch()
        if (step + 1) % job.checkpoint_every == 0:
            job.after_losses(step + 1 - job.checkpoint_every, losses[-job.checkpoint_every :])
            _save(job.folder / CHECKPOINT_NAME, head, losses, optimizer)
    head.eval()
    _save(finished, head, losses)
    (job.folder / CHECKPOINT_NAME).unlink(missing_ok=True)
    return losses


def _train_batch(
    head: RegionHead, optimizer: torch.optim.Optimizer, rows: Tensor, labels: Tensor, *, seed: int
) -> float:
    torch.manual_seed(seed)
    device = head.row_scale.device
    scores, _ = head(rows.to(device))
    loss = F.cross_entropy(scores, labels.to(device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def _save(path: Path, head: RegionHead, losses: list[float], optimizer: torch.optim.SGD | None = None) -> None:
    tensors = {f"head.{name}": tensor for name, tensor in head.state_dict().items()}
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    if optimizer is not None:
        for name, parameter in head.named_parameters():
            tensors[f"momentum.{name}"] = optimizer.state[parameter]["momentum_buffer"]
    with atomic_write(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)


def _restore(head: RegionHead, optimizer: torch.optim.SGD, path: Path) -> list[float]:
    """Bring head and optimizer to where the checkpoint was made; the losses up to there."""
    if not path.is_file():
        return []
    tensors = load_file(path)
    head.load_state_dict(_part(tensors, "head."))
    momentum = _part(tensors, "momentum.")
    for name, parameter in head.named_parameters():
        optimizer.state[parameter]["momentum_buffer"] = momentum[name].to(parameter.device)
    return [float(loss) for loss in tensors["losses"]]


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
