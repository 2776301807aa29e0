"""Images with their classes, and what is done about images that can't be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spp_ops.datasets import image_sizes
from spp_ops.datasets.decoding import ImageError
from spp_ops.datasets.problems import Notice, OnBad, Problems

__all__ = ["LabeledImages", "Notice", "OnBad", "TaggedImages", "readable"]

_NAMED = 3  # bad images named in an error


@dataclass(frozen=True)
class LabeledImages:
    """Images of one class each.

    Attributes:
        paths: one file an image.
        labels: the class of each, counted from 0.
        classes: the classes' names.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, rows: Sequence[int]) -> LabeledImages:
        """Return the images of these rows, of the same classes."""
        return replace(
            self, paths=tuple(self.paths[row] for row in rows), labels=tuple(self.labels[row] for row in rows)
        )


@dataclass(frozen=True)
class TaggedImages:
    """Images of any number of classes each.

    Attributes:
        paths: one file an image.
        tags: int8 [N, K]: 1 where the image shows the class, -1 where it doesn't, 0 where it does not count for it.
        classes: the classes' names, K of them.
    """

    paths: tuple[Path, ...]
    tags: npt.NDArray[np.int8]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, rows: Sequence[int]) -> TaggedImages:
        """Return the images of these rows, of the same classes."""
        return replace(self, paths=tuple(self.paths[row] for row in rows), tags=self.tags[list(rows)])


def readable(paths: Sequence[Path], on_bad: OnBad, notice: Notice, *, strict: bool = False) -> list[int]:
    """Decode every image once, so that none surprises later.

    Args:
        paths: files.
        on_bad: what to do about those that can't be decoded.
        notice: told of what is skipped, and of each kind of what is mended.
        strict: what could be mended counts as bad.

    Returns:
        Rows of the images that can be used.

    Raises:
        ImageError: with "refuse": some can't be; the first few are named.
    """
    problems = Problems(on_bad, notice, strict)
    rows = image_sizes.readable(paths, problems)
    refuse_images(problems, len(paths))
    problems.finish()
    return rows


def refuse_images(problems: Problems, count: int) -> None:
    """Raise what is wrong with a set of so many images, where it is to be refused.

    Raises:
        ImageError: the first few are named.
    """
    lines = problems.lines
    if lines and problems.on_bad == "refuse":
        more = f"; and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
        raise ImageError(f"{len(lines)} of {count} images can't be used: {'; '.join(lines[:_NAMED])}{more}")
