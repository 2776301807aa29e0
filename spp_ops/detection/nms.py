"""Non-maximum suppression by torchvision's kernel, without the second that importing torchvision takes.

`torchvision.ops` imports PyTorch's compiler; its compiled operators alone load in a millisecond. Once the compiler is
there, as when a detector is traced, torchvision is imported as usual, which also tells the compiler about the operator.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

_MOST_NUMBERS = {"cpu": 4_000, "cuda": 20_000}  # of the boxes, for one call over all classes; torchvision's own limits


def batched_nms(boxes: Tensor, scores: Tensor, labels: Tensor, iou: float) -> Tensor:
    """Suppress, class by class, boxes that overlap a better one: the rows of `torchvision.ops.batched_nms`.

    Args:
        boxes: [K, 4], half-open: x2 and y2 are the pixels after the last.
        scores: [K].
        labels: [K], the class of each.
        iou: a box whose intersection over union with a better one of its class is larger goes.

    Returns:
        The rows that remain, best first.
    """
    load_kernel()
    if boxes.numel() <= _MOST_NUMBERS.get(boxes.device.type, 20_000):
        apart = labels.to(boxes) * (boxes.max() + 1) if boxes.numel() else labels.to(boxes)
        together: Tensor = torch.ops.torchvision.nms(boxes + apart[:, None], scores, iou)
        return together
    kept = torch.zeros_like(scores, dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero()[:, 0]
        kept[rows[torch.ops.torchvision.nms(boxes[rows], scores[rows], iou)]] = True
    rows = kept.nonzero()[:, 0]
    return rows[scores[rows].sort(descending=True)[1]]


@cache
def load_kernel() -> None:
    """Make `torch.ops.torchvision.nms` known.

    Raises:
        ImportError: torchvision is not installed, or does not fit this torch.
    """
    package = None if "torch._dynamo" in sys.modules else find_spec("torchvision")
    libraries = sorted(Path(package.origin).parent.glob("_C*")) if package and package.origin else []
    try:
        for library in libraries:
            torch.ops.load_library(library)
        if not hasattr(torch.ops.torchvision, "nms"):
            import torchvision  # noqa: F401
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ImportError(f"torchvision does not fit torch {torch.__version__}, install both anew: {reason}") from error
