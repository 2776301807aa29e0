"""The images that a detector learns from, each with its windows and their IoU with the objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.image import Pixels, load_image
from spp_ops.detection.boxes import box_iou, flip_boxes
from spp_ops.detection.proposals import Boxes


@dataclass(frozen=True)
class TrainingSample:
    """An image, or its flipped image.

    Attributes:
        path: the file.
        flipped: whether left and right change places after it is read.
        windows: float32 [R, 4], the objects' boxes first, then the proposals, no two alike.
        objects: float32 [G, 4].
        labels: int64 [G], classes counted from 0.
        difficult: bool [G]: windows on such an object are neither positives nor negatives.
        num_classes: K.
    """

    path: Path
    flipped: bool
    windows: Tensor
    objects: Tensor
    labels: Tensor
    difficult: Tensor
    num_classes: int

    def pixels(self) -> Pixels:
        """Read the file."""
        image = load_image(self.path)
        return np.ascontiguousarray(image[:, ::-1]) if self.flipped else image

    @cached_property
    def ious(self) -> Tensor:
        """[R, K]: the largest IoU of each window with an object of each class; 0 where there is none."""
        return self._largest_ious(torch.ones_like(self.difficult))

    @cached_property
    def sure_ious(self) -> Tensor:
        """[R, K]: as `ious`, difficult objects left out."""
        return self._largest_ious(~self.difficult)

    def nearest_objects(self, label: int) -> Tensor:
        """[R, 4]: for each window the object of this class, not a difficult one, that it overlaps most."""
        objects = self.objects[(self.labels == label) & ~self.difficult]
        return objects[box_iou(self.windows, objects).argmax(dim=1)]

    def is_object(self, label: int) -> Tensor:
        """Bool [R]: which windows are an object of this class, not a difficult one."""
        objects = self.objects[(self.labels == label) & ~self.difficult]
        return (self.windows[:, None] == objects).all(dim=2).any(dim=1)

    def _largest_ious(self, counts: Tensor) -> Tensor:
        ious = torch.zeros(len(self.windows), self.num_classes)
        for label in self.labels[counts].unique().tolist():
            of_class = self.objects[counts & (self.labels == label)]
            ious[:, label] = box_iou(self.windows, of_class).amax(dim=1)
        return ious


def training_samples(
    images: DetectionImages, proposals: Sequence[Boxes], *, flip: bool = False
) -> list[TrainingSample]:
    """Make the images to learn from, in their order; with `flip` each is followed by its flipped image.

    Args:
        images: images and objects.
        proposals: [R, 4] for each image.
        flip: whether flipped images are learnt from as well.
    """
    samples = []
    for path, objects, windows in zip(images.paths, images.objects, proposals, strict=True):
        boxes = torch.from_numpy(objects.boxes)
        sample = TrainingSample(
            path=path,
            flipped=False,
            windows=_distinct(torch.cat([boxes, torch.from_numpy(windows)])),
            objects=boxes,
            labels=torch.from_numpy(objects.labels),
            difficult=torch.from_numpy(objects.difficult),
            num_classes=len(images.classes),
        )
        samples.append(sample)
        if flip:
            samples.append(_flipped(sample))
    return samples


def _flipped(image: TrainingSample) -> TrainingSample:
    width = image.pixels().shape[1]
    return TrainingSample(
        path=image.path,
        flipped=True,
        windows=flip_boxes(image.windows, width),
        objects=flip_boxes(image.objects, width),
        labels=image.labels,
        difficult=image.difficult,
        num_classes=image.num_classes,
    )


def _distinct(windows: Tensor) -> Tensor:
    """Rows that are unlike all before them, in their order."""
    _, first = np.unique(windows.numpy(), axis=0, return_index=True)
    return windows[torch.from_numpy(np.sort(first))]
