"""Small data sets for the tests: colored shapes, drawn at many sizes and places."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from spp_ops.engine.files import atomic_write

SHAPES = ("bar", "cross", "disc", "triangle")
_OVERSAMPLING = 2  # Pillow draws without smoothing


def write_shape_folders(
    folder: str | os.PathLike[str],
    *,
    images: dict[str, int] | None = None,
    shapes: Sequence[str] = SHAPES,
    sides: tuple[int, int] = (60, 160),
    seed: int = 0,
) -> Path:
    """Write ``folder/SPLIT/SHAPE/*.png``, one shape an image, and return the folder.

    Args:
        folder: made if need be.
        images: how many a class in each split; default: 24 in train, 8 in val.
        shapes: the classes, from `SHAPES`.
        sides: range of both sides of the images, in pixels; their aspects vary.
        seed: the same seed gives the same images.
    """
    random = np.random.default_rng(seed)
    for split, count in (images or {"train": 24, "val": 8}).items():
        for shape in shapes:
            for number in range(count):
                image = draw_scene([shape], sides, random)
                _save(image, Path(folder) / split / shape / f"{number:03}.png")
    return Path(folder)


def write_shape_voc(
    folder: str | os.PathLike[str],
    *,
    images: dict[str, int] | None = None,
    shapes: Sequence[str] = SHAPES,
    sides: tuple[int, int] = (90, 160),
    seed: int = 0,
) -> Path:
    """Write images of several shapes with Pascal VOC's classification lists, and return the folder.

    Args: as `write_shape_folders`; `images` counts the images of each split, default 40 in trainval, 20 in test.
    """
    random = np.random.default_rng(seed)
    root = Path(folder)
    for split, count in (images or {"trainval": 40, "test": 20}).items():
        names = [f"{split}_{number:03}" for number in range(count)]
        shown = random.random((count, len(shapes))) < 0.4
        for name, row in zip(names, shown, strict=True):
            scene = [shape for shape, there in zip(shapes, row, strict=True) if there]
            _save(draw_scene(scene, sides, random), root / "JPEGImages" / f"{name}.png")
        lists = root / "ImageSets" / "Main"
        _write_lines(lists / f"{split}.txt", names)
        for shape, column in zip(shapes, shown.T, strict=True):
            lines = [f"{name} {1 if there else -1:2}" for name, there in zip(names, column, strict=True)]
            _write_lines(lists / f"{shape}_{split}.txt", lines)
    return root


def draw_scene(shapes: Sequence[str], sides: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """Shapes of random colors, sizes and places on a noisy ground of a random size."""
    width, height = (int(side) for side in random.integers(sides[0], sides[1] + 1, 2))
    ground = random.integers(0, 90, 3) + random.integers(0, 60, (height, width, 3))
    large = (width * _OVERSAMPLING, height * _OVERSAMPLING)
    image = Image.fromarray(ground.astype(np.uint8)).resize(large, Image.Resampling.NEAREST)
    brush = ImageDraw.Draw(image)
    for shape in shapes:
        side = min(large) * random.uniform(0.3, 0.6 if len(shapes) == 1 else 0.4)
        left, top = (random.uniform(0, length - side) for length in large)
        color = tuple(int(value) for value in random.integers(150, 256, 3))
        for points in _outlines(shape, side):
            brush.polygon([(left + x, top + y) for x, y in points], fill=color)
    return image.resize((width, height), Image.Resampling.BOX)


def _outlines(shape: str, side: float) -> list[list[tuple[float, float]]]:
    """Polygons of a shape that fills a square of this side."""
    third = side / 3
    bar = [(0.0, third), (side, third), (side, 2 * third), (0.0, 2 * third)]
    if shape == "bar":
        return [bar]
    if shape == "cross":
        return [bar, [(y, x) for x, y in bar]]
    if shape == "triangle":
        return [[(side / 2, 0.0), (side, side), (0.0, side)]]
    if shape == "disc":
        turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        return [[(side / 2 * (1 + float(np.cos(t))), side / 2 * (1 + float(np.sin(t)))) for t in turns]]
    raise ValueError(f"shapes: expected some of {', '.join(SHAPES)}, got {shape!r}")


def _save(image: Image.Image, path: Path) -> None:
    with atomic_write(path) as temporary:
        image.save(temporary)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
