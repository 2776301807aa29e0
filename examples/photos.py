"""Photos with their windows and objects, as `SPPDetector` takes them in a training loop."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy.typing as npt
from torch.utils.data import Dataset

from spp_ops.datasets import load_image, read_detection
from spp_ops.detection import ProposalConfig
from spp_ops.detection.proposals import propose

Target: TypeAlias = dict[str, npt.NDArray]
Photo: TypeAlias = tuple[npt.NDArray, npt.NDArray, Target]  # uint8 [H, W, 3], windows [R, 4], objects
Batch: TypeAlias = tuple[list[npt.NDArray], list[npt.NDArray], list[Target]]


class Photos(Dataset[Photo]):
    """Photos of a data set.

    Args:
        data: what `spp_ops.datasets.read_detection` reads.
        split: which of its lists.
        workers: processes that find windows; 0: one a processor. What they find is kept on disk.
    """

    def __init__(self, data: Path, split: str, workers: int = 0) -> None:
        self.images = read_detection(data, split)
        self.windows = propose(self.images.paths, ProposalConfig(), workers=workers)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> Photo:
        objects = self.images.objects[row]
        target = {"boxes": objects.boxes, "labels": objects.labels, "difficult": objects.difficult}
        return load_image(self.images.paths[row]), self.windows[row], target

    @staticmethod
    def collate(photos: list[Photo]) -> Batch:
        """Photos differ in size: a batch is a list of each part."""
        images, windows, targets = zip(*photos, strict=True)
        return list(images), list(windows), list(targets)
