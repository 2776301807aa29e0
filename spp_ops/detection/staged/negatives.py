"""The negatives that the SVM of one class learns from: added while hard, dropped when they have become easy."""

from __future__ import annotations

import torch
from torch import Tensor

from spp_ops.detection.boxes import suppress
from spp_ops.detection.staged.config import Repeats

OVERLAPPING = 0.7  # negatives that overlap by more than this say the same (paper, section 4.1)


class Negatives:
    """Rows of windows, each held once.

    Attributes:
        rows: [N, D].
        added: rows added since the SVM learnt last.

    Args:
        size: D.
        windows: the number of windows of each image.
    """

    def __init__(self, size: int, windows: list[int]) -> None:
        self.rows = torch.empty(0, size)
        self.added = 0
        self._places = torch.empty(0, 2, dtype=torch.int64)  # image and window of each row
        self._held = [torch.zeros(count, dtype=torch.bool) for count in windows]

    def __len__(self) -> int:
        return len(self.rows)

    def held(self, image: int) -> Tensor:
        """Bool [R]: which windows of an image are here."""
        return self._held[image]

    def add(self, image: int, chosen: Tensor, rows: Tensor) -> None:
        """Take in the windows of an image that have these numbers [n] and rows [n, D]."""
        self._held[image][chosen] = True
        self.rows = torch.cat([self.rows, rows])
        self._places = torch.cat([self._places, torch.stack([torch.full_like(chosen, image), chosen], dim=1)])
        self.added += len(chosen)

    def keep(self, kept: Tensor) -> None:
        """Drop all rows but these, bool [N]."""
        for image, window in self._places[~kept].tolist():
            self._held[image][window] = False
        self.rows, self._places = self.rows[kept], self._places[kept]


def without_repeats(windows: Tensor, rows: Tensor, scores: Tensor, rule: Repeats) -> Tensor:
    """Numbers of the negatives of one image that remain, the highest scores first.

    Args:
        windows: [n, 4].
        rows: [n, D].
        scores: [n].
        rule: what a repeat is; see `SVMs.repeats`.
    """
    if rule == "overlapping":
        return suppress(windows, scores, torch.zeros(len(windows), dtype=torch.int64), OVERLAPPING)
    order = scores.argsort(descending=True, stable=True)
    if rule == "keep" or len(order) < 2:
        return order
    _, group = torch.unique(rows[order], dim=0, return_inverse=True)
    places = torch.arange(len(order))
    first = torch.full((int(group.max()) + 1,), len(order)).scatter_reduce(0, group, places, "amin")
    return order[first.sort().values]
