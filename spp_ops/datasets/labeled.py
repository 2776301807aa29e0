"""Images with their classes, and what is done about images that can't be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from spp_ops.datasets.image import ImageError, load_image

OnBad: TypeAlias = Literal["skip", "refuse"]
Notice: TypeAlias = Callable[[str], None]  # takes one line meant for the user

_NAMED = 3  # bad images named in an error; a notice comes for each


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


def readable(paths: Sequence[Path], on_bad: OnBad, notice: Notice, threads: int = 2) -> list[int]:
    """Decode every image once, so that none surprises later.

    Args:
        paths: files.
        on_bad: what to do about those that can't be decoded.
        notice: told of each one that is skipped.
        threads: images decoded at a time.

    Returns:
        Rows of the images that can be used.

    Raises:
        ImageError: with "refuse": some can't be; the first few are named.
    """
    with ThreadPoolExecutor(threads) as pool:
        reasons = list(pool.map(_complaint, paths))
    bad = [reason for reason in reasons if reason is not None]
    if bad and on_bad == "refuse":
        more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        raise ImageError(f"{len(bad)} of {len(paths)} images can't be used: {'; '.join(bad[:_NAMED])}{more}")
    for reason in bad:
        notice(f"skipped: {reason}")
    return [row for row, reason in enumerate(reasons) if reason is None]


def _complaint(path: Path) -> str | None:
    try:
        load_image(path)
    except (ImageError, OSError) as error:
        return str(error)
    return None
