"""What a detector asks of the features it stands on, and heads over many windows in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from spp_ops.datasets.image import Pixels

Scores = TypeVar("Scores", Tensor, tuple[Tensor, ...])  # rows [k, ...], or several such for the same windows


class WindowFeatures(Protocol):
    """One row of features for each window of an image: `RegionFeatures`, `RCNNFeatures`."""

    def __call__(self, image: Pixels, windows: Tensor) -> Tensor:
        """[R, 4] windows (x1, y1, x2, y2 in 0-based pixels, last pixels included) -> rows [R, D]."""
        ...

    def scores(self, image: Pixels, windows: Tensor, head: Callable[[Tensor], Scores]) -> Scores:
        """What `head` makes of those rows, a bounded number of them at a time; it must treat each row by itself."""
        ...


def joined(parts: Iterable[Scores]) -> Scores:
    """Put the results for parts of the windows together, for all of them; there must be one part or more."""
    results = list(parts)
    first = results[0]
    if isinstance(first, Tensor):
        return torch.cat(results)
    return tuple(torch.cat(each) for each in zip(*results, strict=True))


def take_rows(scores: Scores, rows: Tensor) -> Scores:
    """Rows of each tensor, in the order given."""
    if isinstance(scores, Tensor):
        return scores[rows]
    return tuple(each[rows] for each in scores)


def apart_from(scores: Scores, buffer: Tensor) -> Scores:
    """Copy what lies in the memory of `buffer`, so that it outlives the buffer's next use."""
    if isinstance(scores, Tensor):
        return scores.clone() if _shares_memory(scores, buffer) else scores
    return tuple(each.clone() if _shares_memory(each, buffer) else each for each in scores)


def _shares_memory(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
