"""A trained detector: a photo -> the objects in it (paper, section 4.1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from spp_ops.datasets.image import ImageSource, Pixels
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.checkpoint import load_detector, save_detector
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.head import InferenceHead
from spp_ops.detection.detectors.hub import OnTheHub
from spp_ops.detection.detectors.inputs import Prepared, Windows, as_pixels, prepare
from spp_ops.detection.detectors.learning import training_losses
from spp_ops.detection.detectors.narrow import NarrowFeatures
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.detectors.postprocess import Candidates, candidates, select
from spp_ops.detection.detectors.proposer import propose
from spp_ops.detection.features.regions import RegionFeatures, ScaledMaps
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.sampling import WindowSampling

_GROUP = 65_536  # windows whose scores are kept at a time; equal ones are scored once within a group


class SPPDetector(nn.Module, Detector, OnTheHub):
    """Finds objects in photos; a module like torchvision's detectors.

    `detect` takes one image by whatever name and finds its windows. Called as a module it takes a list of images, and
    gives their objects as tensors, or, in training, the losses. Its tensors are those of `net`, and it can be moved,
    narrowed to 16 bits, copied and pickled as any module.

    Attributes:
        config: what decides its results besides the weights.
        net: convolutions and head.
        sampling: how windows are drawn in training.

    Args:
        config: as above.
        net: as above; `config.build()` makes it. The detector begins in evaluation mode.
        sampling: as above.
        chunk: windows scored at a time; bounds the memory used.
    """

    def __init__(
        self,
        config: DetectorConfig,
        net: RegionNet,
        *,
        chunk: int = 512,
        sampling: WindowSampling = WindowSampling(),  # noqa: B008 - it is frozen
    ) -> None:
        super().__init__()
        if chunk < 1:
            raise ValueError(f"chunk: expected at least 1 window, got {chunk}")
        if config.proposals.method == "learned" and net.proposer is None:
            raise ValueError("proposals: expected a method, as the network has not learned to propose, got 'learned'")
        own = None if net.proposer is None else net.proposer.config
        if config.proposer != own:
            raise ValueError(f"proposer: expected the network's, {own}, got {config.proposer}")
        self.config = config
        self.net = net
        self.eval()
        self.net.backbone.to(memory_format=torch.channels_last)  # as its pixels are
        self.features = config.features(net)
        self.sampling = sampling
        self.chunk = chunk
        self._inference: InferenceHead | None = None
        self._narrow: NarrowFeatures | None = None

    def forward(
        self,
        images: Sequence[Tensor | ImageSource],
        windows: Sequence[Windows] | None = None,
        targets: Sequence[Mapping[str, Windows]] | None = None,
    ) -> list[dict[str, Tensor]] | dict[str, Tensor]:
        """Find the objects in some images; in training mode, give the losses of some images.

        Args:
            images: of any sizes: tensors [3, H, W], floats from 0 to 1 or uint8, as torchvision's detectors take them;
                uint8 tensors [H, W, 3]; or what `detect` takes.
            windows: for each image [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included; None: what
                `proposals` finds, which takes its time.
            targets: in training only: of each image a mapping of "boxes" [G, 4], like windows, "labels" [G] from 0,
                and, where some objects are to be ignored, "difficult" [G], booleans.

        Returns:
            In evaluation mode for each image what `detect` finds, as tensors on the detector's device: "boxes" [K, 4]
            float32, like windows, "scores" [K] float32 and "labels" [K] int64 from 0, best first. In training mode
            "loss_classifier" and "loss_box_reg", means over windows drawn by `sampling`, and "loss_objectness" and
            "loss_rpn_box_reg" where windows are learned; their sum is to be minimized.

        Raises:
            FileNotFoundError, ImageError: there is no such image, or it can't be used.
            ValueError: an argument is not as above.
        """
        given = [None] * len(images) if windows is None else windows
        if len(given) != len(images):
            raise ValueError(f"windows: expected some for each of {len(images)} images, got {len(given)}")
        if self.training != (targets is not None):
            mode = "training mode" if self.training else "evaluation mode (call .train() to learn from them)"
            raise ValueError(f"targets: expected {'some' if self.training else 'none'} in {mode}")
        prepared = [
            prepare(as_pixels(image), boxes, self.proposals) for image, boxes in zip(images, given, strict=True)
        ]
        if targets is not None:
            return training_losses(self.net, self.features, prepared, targets, self.sampling)
        device = self.net.head.score.weight.device
        return [self.find(image).tensors(device) for image in prepared]

    def train(self, mode: bool = True) -> SPPDetector:
        """Set the mode; in both, normalization layers of the convolutions keep their statistics.

        A step sees too few images to take any from.
        """
        super().train(mode)
        for layer in self.net.backbone.modules():
            if isinstance(layer, nn.modules.batchnorm._NormBase):
                layer.eval()
        return self

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

    def changed(self, **changes: Any) -> SPPDetector:
        """Return a detector with the same network whose record differs in these fields: other scales, say."""
        return SPPDetector(replace(self.config, **changes), self.net, chunk=self.chunk, sampling=self.sampling)

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
        if windows is not None and len(windows) == 0:
            return Detections.none(self.classes)
        maps = self.maps(pixels, windows)
        looked_at = self.propose(pixels, maps)[0] if windows is None else windows
        return select(self.candidates(pixels, looked_at, maps), self.config)

    @torch.inference_mode()
    def maps(self, pixels: Pixels, windows: Tensor | None = None) -> ScaledMaps:
        """Run the convolutions, once a scale; with `windows`, at the scales that these need."""
        features = self.inference_features()
        with _evaluating(features.backbone):
            return features.maps(features.resized(pixels), windows)

    def inference_features(self) -> RegionFeatures:
        """`features` as detection uses them: with convolutions in bfloat16 where the head multiplies in it."""
        weight = next(self.net.backbone.parameters(), None)
        if weight is None or weight.dtype != torch.float32 or self._head().dtype != torch.bfloat16:
            return self.features
        if self._narrow is None or not self._narrow.is_of(self.features):
            self._narrow = NarrowFeatures(self.features)
        return self._narrow.features

    @torch.inference_mode()
    def propose(self, pixels: Pixels, maps: ScaledMaps | None = None) -> tuple[Tensor, Tensor]:
        """Propose windows by the detector's own network.

        Args:
            pixels: uint8 [H, W, 3], RGB.
            maps: what `maps` gives for them, where that is known.

        Returns:
            At most `proposals.limit` windows [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included; and [R],
            logits of the probability that they hold an object. The likeliest come first.

        Raises:
            ValueError: it has not learned to.
        """
        proposer = self.net.proposer
        if proposer is None:
            raise ValueError("proposals: expected a detector that has learned to propose windows, got one that has not")
        maps = self.maps(pixels) if maps is None else maps
        maps = maps.to(proposer.reduce.weight.dtype)
        size = pixels.shape[0], pixels.shape[1]
        return propose(
            proposer, maps.maps, maps.image_scales, self.features.receptive_field, size, self.proposals.limit
        )

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

    def __getstate__(self) -> dict[str, Any]:
        """All but what follows from the weights, and from the places in memory where they lie."""
        return {**self.__dict__, "_inference": None, "_narrow": None}


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Have a module in evaluation mode for a while, whatever mode its parts are in."""
    training = [part for part in module.modules() if part.training]
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True
