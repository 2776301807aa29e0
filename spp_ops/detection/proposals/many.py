"""Proposals of many images: in parallel processes, each image once and for all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spp_ops.datasets.decoding import ImageRules
from spp_ops.datasets.image import load_image
from spp_ops.detection.proposals.boxes import Boxes, opencv
from spp_ops.detection.proposals.config import ProposalConfig, make_proposer
from spp_ops.detection.proposals.precomputed import BoxFile
from spp_ops.engine.config import as_data
from spp_ops.engine.files import atomic_write

VARIABLE = "SPP_OPS_CACHE"
_RULES = 2  # goes up when the same image and record would give other boxes


def default_cache() -> Path:
    """Return the folder named by the environment variable SPP_OPS_CACHE; else ``~/.cache/spp_ops``."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".cache" / "spp_ops")


def propose(
    paths: Sequence[Path],
    config: ProposalConfig,
    *,
    cache: Path | None = None,
    workers: int = 0,
    after_image: Callable[[], None] = lambda: None,
) -> list[Boxes]:
    """Boxes of images, in the order of `paths`, and the same on every run.

    What is found is kept on disk under a hash of the image file's bytes and of `config`, as soon as it is found: an
    interrupted run goes on from there. A damaged file there is written anew.

    Args:
        paths: image files, of any kind that `load_image` reads.
        config: what to find.
        cache: folder for what is found; None: `default_cache()`.
        workers: processes; 0: one a processor. 1: this one.
        after_image: called after each image.

    Returns:
        float32 [R, 4] an image: x1, y1, x2, y2 in its 0-based pixels, x2 and y2 inside the box.

    Raises:
        FileNotFoundError, ImageError: an image is not there or can't be used.
        ValueError: workers is below 0; or the file of boxes is not what `BoxFile` expects.
    """
    if workers < 0:
        raise ValueError(f"workers: expected 0 or more processes, got {workers}")
    if config.file is not None:
        return _from_file([Path(path) for path in paths], config, after_image)
    root = default_cache() if cache is None else cache
    known: dict[int, Boxes] = {}
    unknown: list[tuple[int, Path, Path]] = []
    for index, path in enumerate(map(Path, paths)):
        kept = root / "proposals" / f"{_key(path, config)}.npz"
        boxes = _load(kept)
        if boxes is None:
            unknown.append((index, path, kept))
        else:
            known[index] = boxes
            after_image()
    processes = min(workers or _processors(), len(unknown))
    if processes <= 1:
        for index, path, kept in unknown:
            known[index] = _find(path, kept, config)
            after_image()
    else:
        from joblib import Parallel, delayed

        jobs = (delayed(_find_alone)(path, kept, config) for _, path, kept in unknown)
        found = Parallel(n_jobs=processes, return_as="generator", batch_size=1)(jobs)
        for (index, _, _), boxes in zip(unknown, found, strict=True):
            known[index] = boxes
            after_image()
    return [known[index] for index in range(len(paths))]


def _from_file(paths: Sequence[Path], config: ProposalConfig, after_image: Callable[[], None]) -> list[Boxes]:
    assert config.file is not None
    file = BoxFile(Path(config.file))
    result = []
    for path in paths:
        height, width = load_image(path).shape[:2]
        result.append(file.boxes(path, width, height)[: config.limit])
        after_image()
    return result


def _find_alone(path: Path, kept: Path, config: ProposalConfig) -> Boxes:
    """Find one image's boxes as one of several processes: OpenCV keeps to one thread."""
    cv2: Any = opencv()
    cv2.setNumThreads(1)
    return _find(path, kept, config)


def _find(path: Path, kept: Path, config: ProposalConfig) -> Boxes:
    boxes = make_proposer(config)(load_image(path))
    with atomic_write(kept) as temporary:
        np.savez_compressed(temporary, boxes=boxes)
    return boxes


def _key(path: Path, config: ProposalConfig) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"no image file at {path}")
    cv2: Any = opencv()
    reading = str(ImageRules.current())  # other pixels from the same bytes
    rules = json.dumps([_RULES, cv2.__version__, as_data(config), *([reading] if reading else [])], sort_keys=True)
    return hashlib.sha256(rules.encode() + b"\0" + path.read_bytes()).hexdigest()


def _load(kept: Path) -> Boxes | None:
    """Boxes kept on disk; None where they are not there or damaged."""
    try:
        with np.load(kept, allow_pickle=False) as archive:
            boxes = archive["boxes"]
    except Exception:  # damaged bytes lead the readers of the archive into errors of many kinds
        return None
    usable = boxes.ndim == 2 and boxes.shape[1] == 4 and boxes.dtype == np.float32 and np.isfinite(boxes).all()
    return boxes if usable else None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
