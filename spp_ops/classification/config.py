"""What is trained, and how: everything that decides a run's result, in two records that go into its checkpoint."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from spp_ops.engine.config import expect, from_data, renamed
from spp_ops.engine.distributed import Precision
from spp_ops.engine.schedule import expect_schedule
from spp_ops.models import SPPNet, create

SizeRule: TypeAlias = Literal["alternate", "random"]
LARGEST_SIZE = 10_000  # pixels a side


@dataclass(frozen=True)
class NetworkConfig:
    """A network that `build` can make again.

    Attributes:
        arch: a name that `spp_ops.models.create` knows.
        levels: the pyramid, n or (rows, columns) a level; None (the paper's networks only): the network without one.
        hidden: widths of the fully connected layers below the scores.
        dropout: probability of a zero after each of them.
    """

    arch: str = "zf5"
    levels: tuple[int | tuple[int, int], ...] | None = (6, 3, 2, 1)
    hidden: tuple[int, ...] = (4096, 4096)
    dropout: float = 0.5

    def __post_init__(self) -> None:
        widths = isinstance(self.hidden, tuple) and all(isinstance(n, int) and n >= 1 for n in self.hidden)
        expect(widths, "hidden", "positive widths", self.hidden)
        expect(0 <= self.dropout <= 1, "dropout", "a number from 0 to 1", self.dropout)

    def build(self, num_classes: int, weights: str | os.PathLike[str] | None = None) -> SPPNet:
        """Make the network, its head and (without `weights`) its convolutions drawn from torch's random numbers.

        Raises:
            ValueError, FileNotFoundError: as `spp_ops.models.create`.
        """
        return create(self.arch, num_classes, self.levels, weights=weights, hidden=self.hidden, dropout=self.dropout)


@renamed(colour_shift="color_shift")
@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained; the defaults are the paper's (section 3.1), which trains ZF-5 for 70 epochs.

    Attributes:
        epochs: passes over the images.
        batch_size: images a step, over all processes.
        sizes: sides of the square inputs, in pixels. Each epoch has one size.
        size_rule: "alternate": epochs take the sizes in turn. "random": `sizes` is (lowest, highest), and each epoch
            draws its size from that range.
        lr: learning rate of the first epochs.
        milestones: where the learning rate is divided by 10: numbers below 1 are shares of the run, others epochs.
        warmup: over which it rises to `lr`: below 1 a share of the run, otherwise steps.
        momentum: of SGD.
        weight_decay: of SGD.
        backbone_lr: learning rate of the convolutions relative to the head's; 0 freezes them.
        color_shift: strength of the random changes of brightness, contrast, saturation and hue; 0: none.
        ema: decay a step of a moving average of the weights, which is then what is tested; 0: none.
        precision: of the arithmetic: "32-true", "bf16-mixed" or "16-mixed".
        seed: of the weights, the order of the images, their augmentation and dropout.
        channels_last: whether each pixel's channels lie together in memory, as CPUs like it, or plane by plane; sums
            are rounded differently.
    """

    epochs: int = 70
    batch_size: int = 128
    sizes: tuple[int, ...] = (224,)
    size_rule: SizeRule = "alternate"
    lr: float = 0.01
    milestones: tuple[float, ...] = (1 / 2, 5 / 6)
    momentum: float = 0.9
    weight_decay: float = 5e-4
    backbone_lr: float = 1.0
    color_shift: float = 0.2
    ema: float = 0.0
    precision: Precision = "32-true"
    seed: int = 0
    warmup: float = 0.0
    channels_last: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            expect(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        sides = len(self.sizes) > 0 and all(1 <= side <= LARGEST_SIZE for side in self.sizes)
        expect(sides, "sizes", f"one or more sides from 1 to {LARGEST_SIZE} pixels", self.sizes)
        expect(0 < self.lr < math.inf, "lr", "a positive number", self.lr)
        expect_schedule(self.warmup, self.milestones)
        expect(self.size_rule in get_args(SizeRule), "size_rule", "alternate or random", self.size_rule)
        if self.size_rule == "random":
            ordered = len(self.sizes) == 2 and self.sizes[0] <= self.sizes[1]
            expect(ordered, "sizes", "(lowest, highest) for random sizes", self.sizes)
        for name in ("weight_decay", "backbone_lr", "color_shift"):
            expect(0 <= getattr(self, name) < math.inf, name, "0 or more", getattr(self, name))
        for name in ("momentum", "ema"):
            expect(0 <= getattr(self, name) < 1, name, "a number from 0 to below 1", getattr(self, name))
        expect(self.precision in get_args(Precision), "precision", "|".join(get_args(Precision)), self.precision)

    @property
    def multi_size(self) -> bool:
        """Whether epochs differ in size."""
        return len(set(self.sizes)) > 1


def network_from_data(data: Mapping[str, Any]) -> NetworkConfig:
    """Invert `spp_ops.engine.config.as_data`."""
    return from_data(NetworkConfig, data)


def training_from_data(data: Mapping[str, Any]) -> TrainingConfig:
    """Invert `spp_ops.engine.config.as_data`; runs that do not say how their images lie had them plane by plane."""
    return from_data(TrainingConfig, {"channels_last": False, **data})
