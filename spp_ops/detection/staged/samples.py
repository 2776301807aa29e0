"""The pictures that a detector learns from, each with its windows and what they overlap."""

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
from spp_ops.detection.boxes import box_iou, mirror_boxes
from spp_ops.detection.proposals import Boxes


@dataclass(frozen=True)
class TrainingPicture:
    """A picture, or its mirror image.

    Attributes:
        path: the file.
        mirrored: whether left and right change places after it is read.
        windows: float32 [R, 4], the objects' boxes first, then the proposals, no two alike.
        objects: float32 [G, 4].
        labels: int64 [G], classes counted from 0.
        difficult: bool [G]: windows on such an object are neither positives nor negatives.
        num_classes: K.
    """

    path: Path
    mirrored: bool
    windows: Tensor
    objects: Tensor
    labels: Tensor
    difficult: Tensor
    num_classes: int

    def pixels(self) -> Pixels:
        """Read the file."""
        image = load_image(self.path)
        return np.ascontiguousarray(image[:, ::-1]) if self.mirrored else image

    @cached_property
    def overlaps(self) -> Tensor:
        """[R, K]: the largest IoU of each window with an object of each class; 0 where there is none."""
        return self._largest_overlaps(torch.ones_like(self.difficult))

    @cached_property
    def sure_overlaps(self) -> Tensor:
        """[R, K]: as `overlaps`, difficult objects left out."""
        return self._largest_overlaps(~self.difficult)

    def nearest_objects(self, label: int) -> Tensor:
        """[R, 4]: for each window the object of this class, not a difficult one, that it overlaps most."""
        objects = self.objects[(self.labels == label) & ~self.difficult]
        return objects[box_iou(self.windows, objects).argmax(dim=1)]

    def is_object(self, label: int) -> Tensor:
        """Bool [R]: which windows are an object of this class, not a difficult one."""
        objects = self.objects[(self.labels == label) & ~self.difficult]
        return (self.windows[:, None] == objects).all(dim=2).any(dim=1)

    def _largest_overlaps(self, counts: Tensor) -> Tensor:
        overlaps = torch.zeros(len(self.windows), self.num_classes)
        for label in self.labels[counts].unique().tolist():
            of_class = self.objects[counts & (self.labels == label)]
            overlaps[:, label] = box_iou(self.windows, of_class).amax(dim=1)
        return overlaps


def training_pictures(
    images: DetectionImages, proposals: Sequence[Boxes], *, mirror: bool = False
) -> list[TrainingPicture]:
    """Make the pictures to learn from, in their order; with `mirror` each is followed by its mirror image.

    Args:
        images: pictures and objects.
        proposals: [R, 4] for each picture.
        mirror: whether mirror images are learnt from as well.
    """
    pictures = []
    for path, objects, windows in zip(images.paths, images.objects, proposals, strict=True):
        boxes = torch.from_numpy(objects.boxes)
        picture = TrainingPicture(
            path=path,
            mirrored=False,
            windows=_distinct(torch.cat([boxes, torch.from_numpy(windows)])),
            objects=boxes,
            labels=torch.from_numpy(objects.labels),
            difficult=torch.from_numpy(objects.difficult),
            num_classes=len(images.classes),
        )
        pictures.append(picture)
        if mirror:
            pictures.append(_mirrored(picture))
    return pictures


def _mirrored(picture: TrainingPicture) -> TrainingPicture:
    width = picture.pixels().shape[1]
    return TrainingPicture(
        path=picture.path,
        mirrored=True,
        windows=mirror_boxes(picture.windows, width),
        objects=mirror_boxes(picture.objects, width),
        labels=picture.labels,
        difficult=picture.difficult,
        num_classes=picture.num_classes,
    )


def _distinct(windows: Tensor) -> Tensor:
    """Rows that are unlike all before them, in their order."""
    _, first = np.unique(windows.numpy(), axis=0, return_index=True)
    return windows[torch.from_numpy(np.sort(first))]
