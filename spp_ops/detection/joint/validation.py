"""Testing a detector while it is trained, on all processes together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.distributed as dist
from lightning_fabric import Fabric

from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detections import Detections
from spp_ops.detection.detector import SPPDetector
from spp_ops.detection.evaluation import evaluate_detections
from spp_ops.detection.proposals import Boxes


def mean_ap(
    detector: SPPDetector,
    images: DetectionImages,
    windows: Sequence[Boxes],
    fabric: Fabric,
    after_picture: Callable[[], None] = lambda: None,
) -> float:
    """Mean average precision by Pascal VOC 2007's rule, in percent.

    Args:
        detector: on the device of `fabric`.
        images: what to test on.
        windows: proposals [R, 4] of each picture.
        fabric: launched; its processes share the pictures.
        after_picture: called after each of this process' pictures.
    """
    rank, world = fabric.global_rank, fabric.world_size
    mine: list[Detections] = []
    for row in range(rank, len(images), world):
        mine.append(detector.detect(images.paths[row], windows[row]))
        after_picture()
    shares = [mine]
    if world > 1:
        shares = [[] for _ in range(world)]
        dist.all_gather_object(shares, mine)
    found = [shares[row % world][row // world] for row in range(len(images))]
    return 100 * evaluate_detections(images, found).eleven_point
