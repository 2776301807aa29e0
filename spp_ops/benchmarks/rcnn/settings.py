"""What is compared."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spp_ops._core.checks import Levels
from spp_ops.detection.features.regions import FIVE_SCALES, ONE_SCALE

CPU_SAMPLE = 320
BATCHES = (8, 16, 32, 64)


@dataclass(frozen=True)
class Settings:
    """The defaults are the paper's: ZF-5, about 2,000 windows, {6,3,2,1}, one scale and five.

    Attributes:
        arch: a name that `spp_ops.models.create` knows.
        windows: at most this many selective-search windows.
        proposal_side: longer side of the image that selective search sees.
        rcnn_windows: R-CNN is timed on this many windows, drawn at random, and its cost for all of them extrapolated;
            None: on a CPU 320, on a GPU all.
        rcnn_batch: windows a pass; None: the fastest of `BATCHES`, found by a short measurement.
        repeats: SPP-net is timed this often, after a warm-up; medians count.
        layer: the fully connected layer at which features are taken.
        ranks: of the first fully connected layers where they are truncated; the default is Fast R-CNN's (section 4.4).
    """

    arch: str = "zf5"
    levels: Levels = (6, 3, 2, 1)
    one_scale: tuple[int, ...] = ONE_SCALE
    five_scales: tuple[int, ...] = FIVE_SCALES
    windows: int = 2000
    proposal_side: int = 640
    rcnn_windows: int | None = None
    rcnn_batch: int | None = None
    repeats: int = 5
    layer: str = "fc7"
    ranks: tuple[int, ...] = (1024, 256)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("windows", "rcnn_windows", "rcnn_batch", "repeats"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: expected at least 1, got {value}")

    def rcnn_sample(self, windows: int, device: torch.device) -> int:
        """How many of an image's windows R-CNN is timed on."""
        wanted = self.rcnn_windows or (CPU_SAMPLE if device.type == "cpu" else windows)
        return min(wanted, windows)

    def rcnn_batches(self, windows: int, device: torch.device) -> tuple[int, ...]:
        """Batch sizes of which R-CNN gets the fastest."""
        sample = self.rcnn_sample(windows, device)
        if self.rcnn_batch is not None:
            return (min(self.rcnn_batch, sample),)
        return tuple(sorted({min(batch, sample) for batch in BATCHES}))
