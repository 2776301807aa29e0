"""Frozen features of a layer and linear SVMs on them (paper, section 3.2 and 3.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

import spp_ops
from spp_ops.classification.augmentation import SHORTER_SIDE, resize_shorter
from spp_ops.classification.evaluation import Images
from spp_ops.classification.views import scaled
from spp_ops.engine.loading import load_each
from spp_ops.models import SPPNet
from spp_ops.models.shapes import smallest_input

View: TypeAlias = Literal["crop", "full"]
Features: TypeAlias = npt.NDArray[np.float32]  # [N, D], rows of norm 1
Tags: TypeAlias = npt.NDArray[np.int8]  # [N, K]: 1, -1, or 0 where an image does not count for a class
Decisions: TypeAlias = npt.NDArray[np.float64]  # [N, K]: distances from the classes' planes

_LEVEL = re.compile(r"level([1-9]\d*)")


class LayerFeatures:
    """Features of images at one layer, L2-normalized, without any augmentation.

    Args:
        net: in evaluation mode.
        layer: "conv5" or another child of the backbone, "conv" (its last maps), "level6" (the maps pooled to 6 x 6; any
            number of bins), "spp" (the pyramid), fc6, fc7, ...
        view: "full": the whole image, its shorter side resized to `size`. "crop": its center, size x size, when the
            shorter side is resized to 256/224 of that.
        size: in pixels.

    Raises:
        ValueError: there is no such layer, or it has another length for each shape of image.
    """

    def __init__(self, net: SPPNet, layer: str, view: View = "full", size: int = 224) -> None:
        level = _LEVEL.fullmatch(layer)
        if level is None and layer not in net.layers:
            raise ValueError(f"layer: expected level1, level2, ... or one of {', '.join(net.layers)}, got {layer!r}")
        fixed = level is not None or (net.levels is not None and layer in ("spp", *dict(net.head.named_children())))
        if view == "full" and not fixed:
            raise ValueError(
                f"layer: expected one above a pooling for full views, as maps differ in size, got {layer!r}"
            )
        smallest = smallest_input(net.backbone)
        if size < smallest:
            raise ValueError(f"size: expected at least {smallest} pixels, got {size}")
        self._net = net
        self._layer = layer
        self._bins = None if level is None else int(level[1])
        self._view = view
        self._size = size

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """uint8 [3, H, W], RGB -> [D] of norm 1 (of norm 0 where all features are 0)."""
        from torchvision.transforms.v2.functional import center_crop

        net = self._net
        if self._view == "full":
            resized = resize_shorter(image, self._size)
        else:
            resized = center_crop(resize_shorter(image, scaled(SHORTER_SIDE, self._size)), [self._size, self._size])
        pixels = net.normalization(resized.to(next(net.parameters()).device).float())[None]
        if self._bins is None:
            values = net.features(pixels, self._layer)
        else:
            values = spp_ops.spatial_pyramid_pool(net.backbone(pixels), (self._bins,))
        return F.normalize(values.flatten().float(), dim=0)


def extract(
    features: LayerFeatures,
    paths: Sequence[Path],
    *,
    workers: int = 0,
    after_image: Callable[[], None] = lambda: None,
) -> Features:
    """Compute the features of image files, one row each."""
    rows = []
    for _, image in load_each(Images(paths, range(len(paths))), workers=workers):
        rows.append(features(image).cpu().numpy())
        after_image()
    return np.stack(rows)


@dataclass(frozen=True)
class LinearSVMs:
    """One linear SVM a class, against the rest.

    Attributes:
        classes: names, for messages.
        c: the SVMs' C.
        seed: of the solver.
    """

    classes: tuple[str, ...]
    c: float = 1.0
    seed: int = 0

    def decide(self, train: Features, tags: Tags, test: Features) -> Decisions:
        """Train on rows [N, D] with tags [N, K] and apply to rows [M, D].

        Raises:
            ValueError: a class has no positives, or no negatives, to learn from.
        """
        from sklearn.svm import LinearSVC

        columns = []
        for name, column in zip(self.classes, tags.T, strict=True):
            counts = column != 0
            if len(set(column[counts].tolist())) < 2:
                raise ValueError(f"classes: expected images with and without {name} to train on, found one kind only")
            svm = LinearSVC(C=self.c, random_state=self.seed, max_iter=10_000)
            svm.fit(train[counts], column[counts])
            columns.append(svm.decision_function(test))
        return np.stack(columns, axis=1)


def tags_of(labels: npt.NDArray[np.int64], num_classes: int) -> Tags:
    """Return 1 for the class of each row, -1 for the others."""
    return np.where(labels[:, None] == np.arange(num_classes), 1, -1).astype(np.int8)


def random_split(
    labels: npt.NDArray[np.int64], train_per_class: int, test_per_class: int, random: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Draw rows to train and to test on: of each class so many for training and up to so many of the rest (Caltech101).

    Raises:
        ValueError: a class has too few rows for one test row to remain.
    """
    train, test = [], []
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        if len(rows) <= train_per_class:
            raise ValueError(
                f"train_per_class: expected fewer than the {len(rows)} images of class {label}, got {train_per_class}"
            )
        train.append(rows[:train_per_class])
        test.append(rows[train_per_class : train_per_class + test_per_class])
    return np.concatenate(train), np.concatenate(test)
