"""The training loop: gradient steps through head, pooling operator and convolutions, on one process or several."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.features.regions import RegionFeatures
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.loss import Losses, hardest, window_losses
from spp_ops.detection.joint.samples import Sample, TrainingSamples, epoch_steps
from spp_ops.engine.distributed import summed
from spp_ops.engine.seeds import seed_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_NOISE = 23  # what a seed is for; data.py has the others
_STEPS_AT_A_TIME = 50  # between two looks at the losses, each of which waits for the device


Resized: TypeAlias = tuple[Tensor, tuple[float, float]]  # [1, 3, h, w], and its size relative to the original's


class StepNumbers(NamedTuple):
    """What a step is known by."""

    class_loss: float  # mean over the step's windows
    box_loss: float
    gradient: float  # norm of the last convolution's: of what came through the pooling operator


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


class JointTrainer:
    """Trains a detector's network; its state is known after every step.

    A step's gradient is that of the mean loss over all its windows, however many processes share its images.
    Normalization layers of the convolutions keep their statistics: one image gives none worth having.

    Attributes:
        net: what is trained, on the device.
        average: its moving average; None where none is kept.
        epoch: the epoch at work, or next.
        batch: steps done of it.
        step: steps done in all.
        numbers: of each step of this epoch, over all processes.

    Args:
        net: channels-last convolutions are fastest.
        features: of `net`, at each of the scales of `config`.
        config: how to train.
        fabric: launched.
    """

    def __init__(self, net: RegionNet, features: list[RegionFeatures], config: JointConfig, fabric: Fabric) -> None:
        self._groups = parameter_groups(net, config)
        parameters = [{"params": parameters, "lr": config.lr * relative} for parameters, relative in self._groups]
        optimizer = make_optimizer(parameters, config)
        self._scores = WindowScores(net, features)
        self._model, self._optimizer = fabric.setup(self._scores, optimizer)
        self._config = config
        self._fabric = fabric
        self._last_convolution = [layer for layer in net.backbone.modules() if isinstance(layer, nn.Conv2d)][-1].weight
        self._unread: list[Tensor] = []
        self._after_numbers: Callable[[int, list[StepNumbers]], None] = lambda first_step, numbers: None
        self.net = net
        averaging = get_ema_multi_avg_fn(config.ema)
        self.average = AveragedModel(net, multi_avg_fn=averaging, use_buffers=True) if config.ema > 0 else None
        self.epoch = self.batch = self.step = 0
        self.numbers: list[StepNumbers] = []

    @property
    def lr(self) -> float:
        """The learning rate of the head at the next step."""
        return self._config.rate(self.epoch, self.step)

    def train_epoch(
        self,
        data: TrainingSamples,
        *,
        workers: int = 0,
        after_step: Callable[[], None] = lambda: None,
        after_numbers: Callable[[int, list[StepNumbers]], None] = lambda first_step, numbers: None,
    ) -> StepNumbers:
        """Do what is left of the current epoch.

        Args:
            data: what to train on.
            workers: processes that load ahead.
            after_step: called after each step.
            after_numbers: called with the numbers of some steps and the first one's place, when they are known.

        Returns:
            Means over the epoch's steps.

        Raises:
            ValueError: the loss is no longer finite.
        """
        self._after_numbers = after_numbers
        data.begin_epoch(self.epoch)
        steps = epoch_steps(self._config, len(data), self.epoch)[self.batch :]
        rank, world = self._fabric.global_rank, self._fabric.world_size
        # A process without an image of its own takes the step's first one, to no effect, as all must take the step.
        shares = [rows[rank::world] or rows[:1] for rows in steps]
        loader: DataLoader[Any] = DataLoader(data, batch_sampler=shares, num_workers=workers, collate_fn=list)
        self._training_mode()
        for samples, rows in zip(loader, steps, strict=True):
            self._train_step(samples, counts=rank < len(rows))
            after_step()
        self.read_numbers()
        means = torch.tensor(self.numbers).double().mean(dim=0).tolist()
        self.epoch, self.batch, self.numbers = self.epoch + 1, 0, []
        return StepNumbers(*means)

    def _train_step(self, samples: list[Sample], counts: bool) -> None:
        config, fabric = self._config, self._fabric
        torch.manual_seed(seed_of(config.seed, _NOISE, self.step, fabric.global_rank))
        for (_, relative), group in zip(self._groups, self._optimizer.param_groups, strict=True):
            group["lr"] = self.lr * relative
        losses = self._losses(samples, float(counts))
        total = losses.classes + config.box_weight * losses.boxes
        fabric.backward(total * fabric.world_size)  # gradients are averaged over processes
        norm = self._clipped()
        self._unread.append(torch.stack([*losses, norm / fabric.world_size]).detach())  # each process has the same norm
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self.average is not None:
            self.average.update_parameters(self.net)
        self.batch += 1
        self.step += 1
        if len(self._unread) == _STEPS_AT_A_TIME:
            self.read_numbers()

    def _clipped(self) -> Tensor:
        """Shorten the gradient; the norm of the last convolution's before that, 0 where it learns nothing."""
        longest = self._config.clip_norm
        whole = self._fabric.clip_gradients(self._model, self._optimizer, max_norm=longest, error_if_nonfinite=False)
        assert whole is not None
        gradient = self._last_convolution.grad
        return torch.zeros_like(whole) if gradient is None else gradient.norm() * (whole / longest).clamp_min(1)

    def _losses(self, samples: list[Sample], weight: float) -> Losses:
        """Parts of the loss, shared out so that their sums over processes are means over the step's windows."""
        config, fabric = self._config, self._fabric
        images = [self._scores.resized(sample) for sample in samples]
        windows = [sample.windows.to(fabric.device) for sample in samples]
        scores, corrections = self._model(images, [sample.scale for sample in samples], windows)
        labels = torch.cat([sample.labels for sample in samples]).to(fabric.device)
        targets = torch.cat([sample.targets for sample in samples]).to(fabric.device) / self.net.head.box_std
        losses = window_losses(scores, corrections, labels, targets, config.box_beta)
        if config.hard_share < 1:
            total = losses.classes + config.box_weight * losses.boxes
            rows = hardest(total, [len(sample.labels) for sample in samples], config.hard_share)
            losses = Losses(losses.classes[rows], losses.boxes[rows])
        count = summed(fabric, torch.tensor(weight * len(losses.classes), device=fabric.device)).clamp_min(1)
        return Losses(*(part.sum() * weight / count for part in losses))

    def read_numbers(self) -> None:
        """Bring `numbers` up to date; all processes together.

        Raises:
            ValueError: one is not finite.
        """
        if not self._unread:
            return
        rows = summed(self._fabric, torch.stack(self._unread)).cpu()
        self._unread.clear()
        numbers = [StepNumbers(*row) for row in rows.tolist()]
        self.numbers += numbers
        self._after_numbers(self.step - len(numbers), numbers)
        if not rows[:, :2].isfinite().all():  # the gradient may be, now and then, in 16-bit arithmetic
            raise ValueError(f"lr: expected a smaller one than {self._config.lr:g}: the loss is no longer finite")

    def state(self) -> dict[str, Any]:
        """All that `restore` needs besides the tensors of `net` and `average`; all processes together."""
        self.read_numbers()
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "numbers": [list(numbers) for numbers in self.numbers],
            "optimizer": self._optimizer.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
        }

    def restore(self, state: dict[str, Any], model: dict[str, Tensor], average: dict[str, Tensor] | None) -> None:
        """Go on from a saved state."""
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
        self.numbers = [StepNumbers(*numbers) for numbers in state["numbers"]]
        self._optimizer.load_state_dict(state["optimizer"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        self.net.load_state_dict(model)
        if self.average is not None and average is not None:
            self.average.module.load_state_dict(average)
            self.average.n_averaged.fill_(self.step)

    def _training_mode(self) -> None:
        self.net.train()
        for layer in self.net.backbone.modules():
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
    groups = [(below, config.backbone_lr), (list(net.head.parameters()), 1.0)]
    return [(parameters, relative) for parameters, relative in groups if parameters]
