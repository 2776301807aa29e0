"""A generated detection set: scikit-learn's handwritten digits, at many sizes and in many colors, on its photos.

Small enough to learn from scratch on a processor in minutes, and nothing to fetch: both come with scikit-learn. The
splits share no digit and no part of a photo.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spp_ops.datasets.formats.voc_files import split_file
from spp_ops.datasets.formats.voc_xml import write_annotation, write_list
from spp_ops.demo.digit_scenes import Sources, draw_scene
from spp_ops.engine.files import atomic_write

_SMALLEST_SHARE = 0.25  # of the digits and photos, for a split of few images
_SMALLEST_SIDE = 40


def write_digit_voc(
    folder: str | os.PathLike[str],
    *,
    images: dict[str, int] | None = None,
    only: str | None = None,
    count: int | None = None,
    sides: tuple[int, int] = (160, 320),
    seed: int = 0,
) -> Path:
    """Write images of digits in Pascal VOC's layout, and return the folder.

    An image shows one to five of them, 16 to 160 pixels high; boxes are tight about the ink that shows.

    Args:
        folder: made if need be.
        images: how many in each split; default: 240 in train, 120 in test. Digits and photos are dealt out by
            these numbers.
        only: the one split to be written, the same as if all were; None: all.
        count: how many images of that split are written, more or fewer than were told, of the same digits and photos.
        sides: range of both sides of the images, in pixels; their aspects vary.
        seed: the same seed gives the same images.

    Raises:
        ValueError: a number is too small, or there is no such split.
    """
    counts = {"train": 240, "test": 120} if images is None else images
    if not counts or min(counts.values()) < 1:
        raise ValueError(f"images: expected at least 1 in every split, got {counts}")
    if not _SMALLEST_SIDE <= sides[0] <= sides[1]:
        raise ValueError(f"sides: expected a range that starts at {_SMALLEST_SIDE} pixels or more, got {sides}")
    if count is not None and (only is None or count < 1):
        raise ValueError(f"count: expected at least 1, and a split in only, got {count} and {only!r}")
    if only is not None and only not in counts:
        raise ValueError(f"only: expected one of {', '.join(counts)}, got {only!r}")
    root = Path(folder)
    sources = digit_sources(list(counts.values()), seed)
    for split, (name, told) in enumerate(counts.items()):
        if only not in (None, name):
            continue
        names = [f"{name}_{number:04}" for number in range(told if count is None else count)]
        for number, image in enumerate(names):
            # Its own generator an image: more images change none of those before.
            _write_image(root, image, sources[split], sides, np.random.default_rng([seed, split, number]))
        write_list(split_file(root, name), names)
    return root


def _write_image(root: Path, name: str, sources: Sources, sides: tuple[int, int], random: np.random.Generator) -> None:
    scene = draw_scene(sources, sides, random)
    with atomic_write(root / "JPEGImages" / f"{name}.jpg") as temporary:
        Image.fromarray(scene.pixels).save(temporary, quality=92)
    height, width, _ = scene.pixels.shape
    write_annotation(root / "Annotations" / f"{name}.xml", f"{name}.jpg", (width, height), scene.boxes, scene.names)


def digit_sources(counts: list[int], seed: int) -> list[Sources]:
    """Deal digits of each class and strips of the photos to the splits, according to their numbers of images."""
    from sklearn.datasets import load_digits, load_sample_images

    shares = np.maximum(np.array(counts) / sum(counts), min(_SMALLEST_SHARE, 1 / len(counts)))
    cuts = np.cumsum(shares / shares.sum())[:-1]
    digits, photos = load_digits(), load_sample_images().images
    order = np.random.default_rng(seed).permutation(len(digits.target))
    dealt: list[dict[str, npt.NDArray[np.float64]]] = [{} for _ in counts]
    for digit in range(10):
        rows = order[digits.target[order] == digit]
        for split, part in enumerate(np.split(rows, (cuts * len(rows)).astype(int))):
            dealt[split][str(digit)] = digits.images[part]
    strips = [np.split(photo, (cuts * len(photo)).astype(int)) for photo in photos]
    return [Sources(dealt[split], [parts[split] for parts in strips]) for split in range(len(counts))]
