"""Pooled rows of every view that training and testing use, computed once: the convolutions are frozen.

A row holds the levels of {6,3,2,1} one after the other. The rows of a plain 6 x 6 pool are its first columns and those
of a global max pool its last, so the three heads are compared on the same numbers. `heads.py` asks for what it needs;

    python -m benchmarks.classification.rows train 256 448

computes the training rows and those of some test scales ahead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from benchmarks.data_root import find_data
from spp_ops.classification.augmentation import CROP, POSITIONS, crop_window
from spp_ops.classification.config import NetworkConfig
from spp_ops.classification.evaluation import Images
from spp_ops.classification.scoring import ViewScorer
from spp_ops.classification.views import ScaleViews, Views, make_views
from spp_ops.datasets.folders import read_folders
from spp_ops.datasets.labeled import LabeledImages
from spp_ops.engine.files import atomic_write
from spp_ops.models import SPPNet

SIZES = (224, 180)
NETWORK = NetworkConfig("squeezenet1_0", (6, 3, 2, 1), hidden=())
CACHE = Path(os.environ.get("SPP_OPS_CACHE", "build/classification"))


def images(split: str) -> LabeledImages:
    """Read the ants and bees."""
    return read_folders(find_data("ants-bees", split))


def network() -> SPPNet:
    """Make SqueezeNet's convolutions with their ImageNet weights, and the pyramid."""
    torch.manual_seed(0)
    net = NETWORK.build(2, str(find_data("weights", "squeezenet1_0_imagenet.pt"))).eval()
    return net.to(memory_format=torch.channels_last)


class RowScorer(ViewScorer):
    """Gives the pooled rows of views where `ViewScorer` gives their probabilities."""

    def rows(self, image: Tensor) -> Tensor:
        """Return [V, D] of one image."""
        return torch.cat([part for scale in self._views.scales for part in self._pooled(image, scale)])


@torch.inference_mode()
def training_rows() -> Tensor:
    """Return what the crops of the training images give: [N, sizes, positions, 2 (flipped or not), D]."""
    return _cached("train", lambda: list(_training_rows(network())))


@torch.inference_mode()
def test_rows(scale: ScaleViews) -> Tensor:
    """Return [N, V, D]: the views of one scale of the test images, pooled from maps, in the order of `ViewScorer`."""

    def compute() -> list[Tensor]:
        scorer = RowScorer(network(), Views("one scale", CROP, (scale,)))
        data = Images(images("val").paths, range(len(images("val"))))
        return [scorer.rows(image) for _, image in track(data, f"test rows at {scale.scale}", total=len(data))]

    return _cached(f"val_{scale.scale}", compute)


def _training_rows(net: SPPNet) -> Iterator[Tensor]:
    chosen = images("train")
    data = Images(chosen.paths, range(len(chosen)))
    for _, image in track(data, "training rows", total=len(data)):
        sizes = []
        for size in SIZES:
            crops = []
            for position in range(len(POSITIONS)):
                top, left, side = crop_window(image.shape[1], image.shape[2], position)
                crop = F.resize(F.crop(image, top, left, side, side), [size, size], antialias=True)
                crops += [crop, crop.flip(2)]
            pixels = net.normalization(torch.stack(crops).float())
            sizes.append(net.features(pixels, "spp").unflatten(0, (len(POSITIONS), 2)))
        yield torch.stack(sizes)


def _cached(name: str, compute: Any) -> Tensor:
    path = CACHE / f"{name}.pt"
    if not path.is_file():
        rows = torch.stack(compute())
        with atomic_write(path) as temporary:
            torch.save(rows, temporary)
    tensor: Tensor = torch.load(path, weights_only=True, mmap=True)
    return tensor


if __name__ == "__main__":
    if "train" in sys.argv:
        print("training rows", list(training_rows().shape))
    for each in make_views("96+2").scales:
        if str(each.scale) in sys.argv:
            print("test rows at", each.scale, list(test_rows(each).shape))
