"""A trained detector: a photo -> the objects in it (paper, section 4.1)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from spp_ops.datasets.image import Pixels
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.checkpoint import load_detector, save_detector
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.head import InferenceHead
from spp_ops.detection.detectors.inputs import Prepared
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.detectors.postprocess import Candidates, candidates, select
from spp_ops.detection.features.regions import ScaledMaps
from spp_ops.detection.proposals import ProposalConfig

_GROUP = 65_536  # windows whose scores are kept at a time; equal ones are scored once within a group


class SPPDetector(Detector):
    """Finds objects in photos.

    Attributes:
        config: what decides its results besides the weights.
        net: convolutions and head, in evaluation mode.

    Args:
        config, net: as above; `config.build()` makes the network.
        chunk: windows scored at a time; bounds the memory used.
    """

    def __init__(self, config: DetectorConfig, net: RegionNet, *, chunk: int = 512) -> None:
        if chunk < 1:
            raise ValueError(f"chunk: expected at least 1 window, got {chunk}")
        self.config = config
        self.net = net.eval()
        self.net.backbone.to(memory_format=torch.channels_last)  # as its pixels are
        self.features = config.features(net)
        self.chunk = chunk
        self._inference: InferenceHead | None = None

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, backbone: Callable[[], nn.Module] | None = None) -> SPPDetector:
        """Read a detector's folder, onto the CPU.

        Args:
            path: the folder, or either file in it.
            backbone: makes the backbone, images [N, 3, H, W] -> maps [N, C, h, w], of a detector whose `arch` is no
                known name; its weights are those of the file.

        Raises:
            FileNotFoundError: it holds no detector.
            ValueError: the files are damaged or hold something else.
        """
        return cls(*load_detector(path, backbone))

    def save(self, folder: str | os.PathLike[str], *, half: bool = False) -> None:
        """Write the detector's folder; with `half` the weights take half the space and lose their last digits.

        Raises:
            ValueError: the record names another backbone than the network has.
        """
        save_detector(folder, self.config, self.net, half=half)

    def to(self, device: torch.device | str) -> SPPDetector:
        """Move the network; returns the detector itself."""
        self.net.to(device)
        return self

    def changed(self, **changes: Any) -> SPPDetector:
        """Return a detector with the same network whose record differs in these fields: other scales, say."""
        return SPPDetector(replace(self.config, **changes), self.net, chunk=self.chunk)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the labels."""
        return self.config.classes

    @property
    def proposals(self) -> ProposalConfig:
        """Which windows are looked at where none are given."""
        return self.config.proposals

    def find(self, image: Prepared) -> Detections:
        """Find the objects in an image that has been read already."""
        pixels, windows = image
        if len(windows) == 0:
            return Detections.none(self.classes)
        return select(self.candidates(pixels, windows, self.maps(pixels, windows)), self.config)

    @torch.inference_mode()
    def maps(self, pixels: Pixels, windows: Tensor | None = None) -> ScaledMaps:
        """Run the convolutions, once a scale; with `windows`, at the scales that these need."""
        return self.features.maps(self.features.resized(pixels), windows)

    @torch.inference_mode()
    def candidates(self, pixels: Pixels, windows: Tensor, maps: ScaledMaps) -> Candidates:
        """Score all windows of an image: those boxes that reach the threshold."""
        size = pixels.shape[0], pixels.shape[1]
        maps = maps.to(self._head().dtype)  # the greatest of rounded numbers is the rounded greatest
        return Candidates.union([self._group(size, part, maps) for part in windows.split(_GROUP)])

    def _head(self) -> InferenceHead:
        """The network's head, made anew when its weights have changed."""
        if self._inference is None or not self._inference.is_of(self.net.head):
            self._inference = InferenceHead(self.net.head, self.config.precision)
        return self._inference

    def _group(self, size: tuple[int, int], windows: Tensor, maps: ScaledMaps) -> Candidates:
        scores, *rest = self.features.score(maps, windows, self._predict, self.chunk)
        corrections = rest[0] if rest else None
        return candidates(windows.to(scores.device), scores, corrections, size, self.config.score_threshold)

    def _predict(self, rows: Tensor) -> tuple[Tensor, ...]:
        return self._head()(rows)
