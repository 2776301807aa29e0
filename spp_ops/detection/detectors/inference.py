"""A detector on all images of a data set, by one process or several."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.image import load_image
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.inputs import ahead, prepare
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import Boxes, propose
from spp_ops.engine.progress import Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Item = TypeVar("Item")


def find_windows(
    detector: Detector,
    images: DetectionImages,
    *,
    cache: Path | None = None,
    workers: int = 0,
    fabric: Fabric | None = None,
    progress: Progress | None = None,
) -> list[Boxes] | None:
    """The windows that a detector looks at, of each image: `propose`, the images shared by all processes.

    None where the detector's network proposes them as it looks at the images.
    """
    if detector.proposals.method == "learned":
        return None
    paths = [images.paths[row] for row in _share(len(images), fabric)]
    if workers == 0 and fabric is not None and fabric.world_size > 1:
        workers = max((os.cpu_count() or 1) // fabric.world_size, 1)
    mine = propose(paths, detector.proposals, cache=cache, workers=workers, progress=progress)
    return _everyone(mine, len(images), fabric)


def propose_learned(detector: SPPDetector, paths: Sequence[Path], *, progress: Progress | None = None) -> list[Boxes]:
    """The windows [R, 4] that a detector's own network proposes on each image, the likeliest first."""
    found = []
    with (progress or Progress()).work("proposals", len(paths)) as work:
        for pixels in ahead(load_image, paths, 1):
            found.append(detector.propose(pixels)[0].cpu().numpy())
            work.advance()
    return found


def run_detector(
    detector: Detector,
    images: DetectionImages,
    *,
    windows: Sequence[Boxes] | None = None,
    cache: Path | None = None,
    workers: int = 0,
    after_image: Callable[[], None] = lambda: None,
    fabric: Fabric | None = None,
) -> list[Detections]:
    """Find the objects in all images.

    Args:
        detector: on the device to be used.
        images: the images.
        windows: of each image; None: what `find_windows` gives.
        cache: as for `propose`, where windows are to be found.
        workers: as for `propose`.
        after_image: called after each image that this process is done with.
        fabric: launched; its processes share the images, and each gets all of the results. None: this process alone.

    Returns:
        What is found in each image, in their order.

    Raises:
        ValueError: the images' classes are not the detector's, or windows are missing.
    """
    if images.classes != detector.classes:
        expected, got = ", ".join(detector.classes), ", ".join(images.classes)
        raise ValueError(f"images: expected the detector's classes ({expected}), got {got}")
    if windows is None:
        windows = find_windows(detector, images, cache=cache, workers=workers, fabric=fabric)
    if windows is not None and len(windows) != len(images):
        raise ValueError(f"windows: expected some for each of {len(images)} images, got {len(windows)}")
    given: Sequence[Boxes | None] = [None] * len(images) if windows is None else windows
    mine = []
    rows = _share(len(images), fabric)
    for image in ahead(lambda row: prepare(images.paths[row], given[row], detector.proposals), rows, 1):
        mine.append(detector.find(image))
        after_image()
    return _everyone(mine, len(images), fabric)


def _share(count: int, fabric: Fabric | None) -> range:
    return range(count) if fabric is None else range(fabric.global_rank, count, fabric.world_size)


def _everyone(mine: list[Item], count: int, fabric: Fabric | None) -> list[Item]:
    """The results for all images from each process' share of them."""
    if fabric is None:
        return mine
    from spp_ops.engine.distributed import gathered

    shares = gathered(fabric, mine)
    return [shares[row % len(shares)][row // len(shares)] for row in range(count)]
