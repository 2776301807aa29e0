"""Proposals of many images: in parallel processes, each image once and for all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spp_ops.datasets.image import load_image
from spp_ops.detection.proposals.boxes import Boxes, opencv
from spp_ops.detection.proposals.cache import Cache
from spp_ops.detection.proposals.config import ProposalConfig, make_proposer
from spp_ops.detection.proposals.precomputed import BoxFile
from spp_ops.engine.progress import Progress, Work


def propose(
    paths: Sequence[Path],
    config: ProposalConfig,
    *,
    cache: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> list[Boxes]:
    """Boxes of images, in the order of `paths`, and the same on every run.

    What is found is kept on disk under a hash of the image file's bytes and of `config`, as soon as it is found: an
    interrupted run goes on from there. A damaged file there is written anew. Where nothing can be kept, the work goes
    on without.

    Args:
        paths: image files, of any kind that `load_image` reads.
        config: what to find.
        cache: folder for what is found; None: `default_cache()`.
        workers: processes; 0: one a processor. 1: this one.
        progress: told how far it is, and why what is found can't be kept.

    Returns:
        float32 [R, 4] an image: x1, y1, x2, y2 in its 0-based pixels, x2 and y2 inside the box.

    Raises:
        FileNotFoundError, ImageError: an image is not there or can't be used.
        ValueError: workers is below 0; or the file of boxes is not what `BoxFile` expects.
    """
    if workers < 0:
        raise ValueError(f"workers: expected 0 or more processes, got {workers}")
    progress = progress or Progress()
    with progress.work("proposals", len(paths)) as work:
        if config.file is not None:
            return _from_file([Path(path) for path in paths], config, work)
        return _found([Path(path) for path in paths], config, Cache(config, cache), workers, progress, work)


def _found(
    paths: list[Path], config: ProposalConfig, cache: Cache, workers: int, progress: Progress, work: Work
) -> list[Boxes]:
    known: dict[int, Boxes] = {}
    windows, told = 0, False

    def add(index: int, boxes: Boxes, complaint: str | None = None) -> None:
        nonlocal windows, told
        known[index] = boxes
        windows += len(boxes)
        work.advance(note=f"{windows} windows")
        if complaint is not None and not told:  # the first says enough
            told = True
            progress.say(complaint)

    for index, path in enumerate(paths):
        boxes = cache.load(path)
        if boxes is not None:
            add(index, boxes)
    unknown = [index for index in range(len(paths)) if index not in known]
    processes = min(workers or _processors(), len(unknown))
    if unknown:
        cache.tidy()
    if processes <= 1:
        for index in unknown:
            add(index, *_find(paths[index], config, cache))
    else:
        from joblib import Parallel, delayed

        # Processes live on from call to call, and keep the folder that they began in.
        jobs = (delayed(_find_alone)(paths[index].absolute(), config, cache) for index in unknown)
        found = Parallel(n_jobs=processes, return_as="generator", batch_size=1)(jobs)
        for index, result in zip(unknown, found, strict=True):
            add(index, *result)
    return [known[index] for index in range(len(paths))]


def _from_file(paths: list[Path], config: ProposalConfig, work: Work) -> list[Boxes]:
    assert config.file is not None
    file = BoxFile(Path(config.file))
    result = []
    for path in paths:
        height, width = load_image(path).shape[:2]
        result.append(file.boxes(path, width, height)[: config.limit])
        work.advance()
    return result


def _find_alone(path: Path, config: ProposalConfig, cache: Cache) -> tuple[Boxes, str | None]:
    """Find one image's boxes as one of several processes: OpenCV keeps to one thread."""
    cv2: Any = opencv()
    cv2.setNumThreads(1)
    return _find(path, config, cache)


def _find(path: Path, config: ProposalConfig, cache: Cache) -> tuple[Boxes, str | None]:
    """Boxes of an image, and why they could not be kept."""
    boxes = make_proposer(config)(load_image(path))
    return boxes, cache.save(path, boxes)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
