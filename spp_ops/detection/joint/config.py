"""How a detector is trained end to end: everything that decides a run's result, in one record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from spp_ops.detection.sampling import WindowSampling
from spp_ops.engine.config import expect, from_data, renamed
from spp_ops.engine.distributed import Precision
from spp_ops.engine.schedule import expect_schedule

Optimizer: TypeAlias = Literal["sgd", "adam"]


@renamed(colour_shift="color_shift")
@dataclass(frozen=True)
class JointConfig(WindowSampling):
    """Hierarchical sampling: a few images a step, many windows of each (Fast R-CNN, section 2.3).

    The defaults suit some hundred images and convolutions that ImageNet has trained. How windows are drawn is
    `WindowSampling`'s.

    Attributes:
        epochs: passes over the images.
        images_per_step: images a step, over all processes.
        scales: shorter sides in pixels; each time an image is resized to one of them, drawn at random.
        object_sizes: square roots of areas, in pixels of the resized image, of the objects that are learned at a scale:
            others are learned at another one, and count as difficult here (SNIP; Singh and Davis, 2018). For detectors
            of several scales, each of which sees some sizes best. None: all are learned.
        flip: whether every other image, drawn at random, is flipped.
        color_shift: strength of random changes of brightness, contrast, saturation and hue; 0: none.
        lr: learning rate of the head.
        backbone_lr: that of the convolutions relative to the head's; 0 freezes them.
        frozen_layers: lowest layers of the backbone (children of the stack, ReLUs and poolings counted) that keep their
            weights.
        warmup: over which the learning rate rises to `lr`: below 1 a share of the run, otherwise steps.
        milestones: where it is divided by 10: numbers below 1 are shares of the run, others epochs.
        optimizer: "sgd", or "adam" (AdamW), with which convolutions without normalization layers learn from scratch
            several times faster, at a tenth of the rate.
        momentum: of SGD.
        weight_decay: of the optimizer.
        dropout: probability of a zero after each hidden layer.
        clip_norm: a longer gradient is shortened to this norm; inf: never.
        row_rms: root mean square that pooled rows are scaled to before the head, by a factor measured at the start; the
            smaller, the slower the head's lowest layer learns.
        box_weight: of the boxes' loss; that of the classes' has 1.
        score_first: where only the hardest windows count (`hard_share`), all are scored without gradients, and those
            that count are pooled once more to learn from: less than half the work for the same losses, but for dropout.
        proposal_weight: of the losses of learned proposals.
        proposal_lr: learning rate of their layers relative to the head's.
        box_beta: error, in standard deviations of typical corrections, from which the boxes' loss is linear.
        ema: decay a step of a moving average of the weights, which is then the detector's; 0: none.
        precision: of the arithmetic: "32-true", "bf16-mixed" or "16-mixed".
        seed: of the weights, the order of the images, windows, augmentation and dropout.
    """

    epochs: int = 12
    images_per_step: int = 2
    scales: tuple[int, ...] = (400, 480, 576)
    object_sizes: tuple[float, float] | None = None
    flip: bool = True
    color_shift: float = 0.0
    lr: float = 0.01
    backbone_lr: float = 0.03
    frozen_layers: int = 0
    warmup: float = 0.05
    milestones: tuple[float, ...] = (2 / 3, 9 / 10)
    optimizer: Optimizer = "sgd"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    dropout: float = 0.5
    clip_norm: float = 10.0
    row_rms: float = 1.0
    box_weight: float = 1.0
    score_first: bool = True
    proposal_weight: float = 1.0
    proposal_lr: float = 1.0
    box_beta: float = 1.0
    ema: float = 0.0
    precision: Precision = "32-true"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("epochs", "images_per_step"):
            expect(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        expect(len(self.scales) > 0 and min(self.scales) >= 1, "scales", "one or more sides in pixels", self.scales)
        smallest, largest = self.object_sizes or (0.0, math.inf)
        expect(0 <= smallest < largest, "object_sizes", "two sizes in order, from 0", self.object_sizes)
        for name in ("color_shift", "backbone_lr", "frozen_layers", "weight_decay"):
            expect(0 <= getattr(self, name) < math.inf, name, "0 or more", getattr(self, name))
        for name in ("lr", "row_rms", "box_beta"):
            expect(0 < getattr(self, name) < math.inf, name, "a positive number", getattr(self, name))
        expect_schedule(self.warmup, self.milestones)
        expect(self.clip_norm > 0, "clip_norm", "a positive number", self.clip_norm)  # inf clips nothing
        for name in ("box_weight", "proposal_weight", "proposal_lr"):
            expect(0 <= getattr(self, name) < math.inf, name, "0 or more", getattr(self, name))
        for name in ("momentum", "ema"):
            expect(0 <= getattr(self, name) < 1, name, "a number from 0 to below 1", getattr(self, name))
        expect(0 <= self.dropout < 1, "dropout", "a number from 0 to below 1", self.dropout)
        expect(self.optimizer in get_args(Optimizer), "optimizer", " or ".join(get_args(Optimizer)), self.optimizer)
        expect(self.precision in get_args(Precision), "precision", "|".join(get_args(Precision)), self.precision)


def joint_from_data(data: Mapping[str, Any]) -> JointConfig:
    """Invert `spp_ops.engine.config.as_data`. Runs that know nothing of `score_first` began without it."""
    return from_data(JointConfig, {"score_first": False, **data})
