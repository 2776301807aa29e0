"""Tensors on another device, laid out in memory as they were."""

from __future__ import annotations

import torch
from torch import Tensor


def on_device(tensor: Tensor, device: torch.device | None, dtype: torch.dtype | None = None) -> Tensor:
    """A copy on `device` with the strides and the storage offset of `tensor`; the tensor itself where it is there.

    ``Tensor.to`` makes what is sliced or expanded dense, and no kernel would then meet such a layout: here the whole
    storage moves.
    """
    if (device is None or device == tensor.device) and dtype in (None, tensor.dtype):
        return tensor.detach()
    storage = tensor.detach().untyped_storage()
    whole = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    whole = whole.set_(storage, 0, (storage.nbytes() // tensor.element_size(),))
    moved = whole.to(device=device, dtype=dtype).as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())
    return torch._neg_view(moved) if tensor.is_neg() else moved  # negated when it is read: the storage does not know
