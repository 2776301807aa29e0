"""How a detector is trained in stages: the settings as the paper states them, and as the authors' code has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from spp_ops.detection.staged.cache import MapKind
from spp_ops.engine.config import expect, from_data, renamed, with_new_names

Repeats: TypeAlias = Literal["overlapping", "same cells", "keep"]


@renamed(batch_pictures="batch_images")
@dataclass(frozen=True)
class FineTuning:
    """Stage 2: the fully connected layers and a (K+1)-way score learn by SGD; the convolutions stay as they are.

    Attributes:
        batches: batches at each learning rate.
        rates: learning rates, one after the other.
        batch_windows: windows a batch.
        batch_images: images that a batch's windows come from.
        positive_share: at most this share of a batch's windows shows an object.
        positive_iou: windows that overlap an object by at least this show it.
        negative_range: those whose largest IoU is in [low, high) are background.
        momentum: of SGD.
        weight_decay: of SGD.
        dropout: probability of a zero after each hidden layer.
    """

    batches: tuple[int, ...] = (600, 200)
    rates: tuple[float, ...] = (1e-2, 1e-3)
    batch_windows: int = 128
    batch_images: int = 4
    positive_share: float = 0.25
    positive_iou: float = 0.5
    negative_range: tuple[float, float] = (0.1, 0.5)
    momentum: float = 0.9
    weight_decay: float = 5e-4
    dropout: float = 0.5

    def __post_init__(self) -> None:
        same = len(self.batches) == len(self.rates) > 0
        expect(same, "batches, rates", "as many of one as of the other", (self.batches, self.rates))
        expect(min(self.batches) >= 1, "batches", "at least 1 at each rate", self.batches)
        expect(min(self.rates) > 0, "rates", "positive numbers", self.rates)
        expect(self.batch_images >= 1, "batch_images", "at least 1", self.batch_images)
        enough = self.batch_windows >= self.batch_images
        expect(enough, "batch_windows", "at least one an image of the batch", self.batch_windows)
        for name in ("positive_share", "positive_iou"):
            expect(0 < getattr(self, name) <= 1, name, "a number above 0, up to 1", getattr(self, name))
        low, high = self.negative_range
        expect(0 <= low < high <= self.positive_iou, "negative_range", "0 <= low < high <= positive_iou", (low, high))
        expect(self.weight_decay >= 0, "weight_decay", "0 or more", self.weight_decay)
        for name in ("momentum", "dropout"):
            expect(0 <= getattr(self, name) < 1, name, "a number from 0 to below 1", getattr(self, name))


@dataclass(frozen=True)
class SVMs:
    """Stage 3: one linear SVM a class on frozen features, with hard negative mining.

    Attributes:
        layer: "rows" (pooled features), fc6, fc7, ...; None: the last hidden layer.
        c: the SVMs' C.
        positive_weight: what the loss of a positive is multiplied by.
        bias_multiplier: the constant feature that the bias is the weight of; the larger, the less it is held at 0.
        feature_norm: features are scaled so that the mean norm of a row is this.
        positive_iou: windows that overlap an object of the class by at least this are positives too; 1: the objects'
            own boxes alone.
        negative_iou: windows that overlap no object of the class by more than this are negatives.
        repeats: of the negatives of an image, in the order of their scores, those dropped: "overlapping": one that
            overlaps one before it by more than 0.7; "same cells": one whose features are those of one before it;
            "keep": none.
        passes: times that all images are searched for hard negatives.
        hard: negatives with a score above this are added.
        easy: negatives with a score below this, after the SVM has learnt anew, are dropped.
        retrain_after: an SVM learns anew when so many negatives have been added.
    """

    layer: str | None = None
    c: float = 1e-3
    positive_weight: float = 2.0
    bias_multiplier: float = 10.0
    feature_norm: float = 20.0
    positive_iou: float = 1.0
    negative_iou: float = 0.3
    repeats: Repeats = "same cells"
    passes: int = 1
    hard: float = -1.0001
    easy: float = -1.2
    retrain_after: int = 2000

    def __post_init__(self) -> None:
        for name in ("c", "positive_weight", "bias_multiplier", "feature_norm"):
            expect(getattr(self, name) > 0, name, "a positive number", getattr(self, name))
        expect(0 < self.positive_iou <= 1, "positive_iou", "a number above 0, up to 1", self.positive_iou)
        below = 0 <= self.negative_iou < self.positive_iou
        expect(below, "negative_iou", "0 to below positive_iou", self.negative_iou)
        expect(self.repeats in get_args(Repeats), "repeats", "|".join(get_args(Repeats)), self.repeats)
        for name in ("passes", "retrain_after"):
            expect(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        expect(self.easy < self.hard, "easy", "a number below hard", self.easy)


@dataclass(frozen=True)
class BoxRegression:
    """Stage 4: ridge regression of box corrections from pooled features, one for each class.

    Attributes:
        iou: windows that overlap an object of the class by at least this learn its box.
        ridge: lambda, for features scaled to a mean norm of `feature_norm`.
        feature_norm: see there.
        most: windows a class, drawn evenly where there are more; bounds the memory used.
    """

    iou: float = 0.5
    ridge: float = 1000.0
    feature_norm: float = 20.0
    most: int = 20_000

    def __post_init__(self) -> None:
        expect(0 < self.iou <= 1, "iou", "a number above 0, up to 1", self.iou)
        for name in ("ridge", "feature_norm"):
            expect(getattr(self, name) > 0, name, "a positive number", getattr(self, name))
        expect(self.most >= 1, "most", "at least 1", self.most)


@renamed(mirror="flip")
@dataclass(frozen=True)
class StagedConfig:
    """How a detector is trained in stages.

    Attributes:
        flip: whether flipped images are learnt from as well.
        maps: the kind of numbers that feature maps are kept in.
        tuning: of the fully connected layers.
        svms: of the scores.
        boxes: of the corrections; None: windows stay as they are.
        seed: of new layers' weights, the order of the images, the windows drawn, dropout and the solver.
    """

    flip: bool = False
    maps: MapKind = "float16"
    tuning: FineTuning = field(default_factory=FineTuning)
    svms: SVMs = field(default_factory=SVMs)
    boxes: BoxRegression | None = field(default_factory=BoxRegression)
    seed: int = 0

    def __post_init__(self) -> None:
        expect(self.maps in get_args(MapKind), "maps", "|".join(get_args(MapKind)), self.maps)


# The paper's text (section 4.1), which trains for Pascal VOC; where it is silent, the authors' code.
PAPER = StagedConfig(
    flip=False,
    tuning=FineTuning(batches=(250_000, 50_000), rates=(1e-4, 1e-5)),
    svms=SVMs(repeats="overlapping"),
    boxes=BoxRegression(ridge=1000.0),
)
# The settings of the authors' published code.
AUTHORS = StagedConfig(
    flip=False,
    tuning=FineTuning(batches=(250_000, 50_000), rates=(1e-4, 1e-5)),
    svms=SVMs(repeats="same cells"),
    boxes=BoxRegression(ridge=4000.0),
)
# For some hundred images and convolutions that come without fully connected layers: SVMs on the pooled rows.
SMALL = StagedConfig(svms=SVMs(layer="rows"))
PRESETS: dict[str, StagedConfig] = {"paper": PAPER, "authors": AUTHORS, "small": SMALL}


def staged_from_data(data: Mapping[str, Any]) -> StagedConfig:
    """Invert `spp_ops.engine.config.as_data`."""
    values = with_new_names(StagedConfig, data)
    parts: dict[str, type[FineTuning | SVMs | BoxRegression]] = {
        "tuning": FineTuning,
        "svms": SVMs,
        "boxes": BoxRegression,
    }
    for name, part in parts.items():
        if values[name] is not None:
            values[name] = from_data(part, values[name])
    return StagedConfig(**values)
