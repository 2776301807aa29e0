"""R-CNN with the head of an SPP-net: what speed and accuracy are compared with, all else being equal."""

from __future__ import annotations

import torch
from torch import Tensor

from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.base import Detector
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.head import InferenceHead
from spp_ops.detection.detectors.inputs import Prepared
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.detectors.postprocess import postprocess
from spp_ops.detection.features.warped import RCNNFeatures
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.models import SPPNet


class RCNNDetector(Detector):
    """Finds objects in photos, each window warped to a square and sent through the convolutions by itself.

    Attributes:
        config: as of an `SPPDetector`; its scales, area and inset are not used.
        net: convolutions and head, in evaluation mode.
        features: of the windows.

    Args:
        config: as above.
        net: as above.
        batch: windows a pass through the convolutions.
    """

    def __init__(self, config: DetectorConfig, net: RegionNet, *, batch: int = 64) -> None:
        self.config = config
        self.net = net.eval()
        self.features = rcnn_features(net, batch)
        self._inference: InferenceHead | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the labels."""
        return self.config.classes

    @property
    def proposals(self) -> ProposalConfig:
        """Which windows are looked at where none are given."""
        return self.config.proposals

    @torch.inference_mode()
    def find(self, image: Prepared) -> Detections:
        """Find the objects in an image that has been read already."""
        pixels, windows = image
        if windows is None:
            raise ValueError(
                "proposals: expected a method, as R-CNN has no map of the image to propose on, got 'learned'"
            )
        if len(windows) == 0:
            return Detections.none(self.classes)
        scores, *rest = self.features.scores(pixels, windows, self._predict)
        size = pixels.shape[0], pixels.shape[1]
        return postprocess(windows.to(scores.device), scores, rest[0] if rest else None, size, self.config)

    def _predict(self, rows: Tensor) -> tuple[Tensor, ...]:
        if self._inference is None or not self._inference.is_of(self.net.head):
            self._inference = InferenceHead(self.net.head, self.config.precision)
        return self._inference(rows)


def rcnn_features(net: RegionNet, batch: int = 64) -> RCNNFeatures:
    """Rows of warped windows: the squares' maps, pooled by the network's pyramid."""
    net.backbone.to(memory_format=torch.channels_last)
    whole = SPPNet(net.backbone, net.levels, 1, hidden=(), normalization=net.normalization).eval()
    return RCNNFeatures(whole, "spp", batch=batch)
