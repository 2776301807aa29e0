"""Distinct rows of whole numbers, as operations on tensors alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def distinct_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """`torch.unique(rows, dim=0, return_inverse=True)`, which exporters do not know.

    Args:
        rows: int64 [R, C], numbers above -2**31.

    Returns:
        The distinct rows [U, C], and for each row the number [R] of the distinct one that it equals.
    """
    order = torch.arange(rows.shape[0])
    for column in rows.unbind(1):  # as in a radix sort: by the last column, and within it as before
        order = order[column[order].sort(stable=True).indices]
    ordered = rows[order]
    before = F.pad(ordered, (0, 0, 1, 0), value=-(2**31))[:-1]  # no row equals what stands before the first
    begins = (ordered != before).any(dim=1)
    number = begins.to(torch.int64).cumsum(0) - 1
    return ordered[begins.nonzero()[:, 0]], torch.zeros_like(order).scatter(0, order, number)
