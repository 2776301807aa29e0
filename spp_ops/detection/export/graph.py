"""A detector of this package as a module of tensor operations, with open sizes of image and windows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import spp_ops
from spp_ops._core.geometry import Placements, place_boxes
from spp_ops.detection.detectors.head import InferenceHead
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.export.postprocess import select_boxes
from spp_ops.detection.export.proposals import proposed_windows
from spp_ops.detection.export.unique import distinct_rows
from spp_ops.detection.features.resizing import scaled_size
from spp_ops.export.pixels import bilinear, is_inside, quotient, sides_of
from spp_ops.export.pools import with_open_sizes


class DetectorGraph(nn.Module):
    """Pixels and windows -> boxes, scores, labels: what `SPPDetector.find` gives, in float32.

    Attributes:
        takes_windows: whether windows go in, or are proposed by the detector's own network.

    Args:
        detector: in float32 on the CPU.

    Raises:
        ValueError: it is not.
    """

    def __init__(self, detector: SPPDetector) -> None:
        super().__init__()
        weight = detector.net.head.score.weight
        if weight.dtype != torch.float32 or weight.device.type != "cpu":
            raise ValueError(f"detector: expected one in float32 on the CPU, got {weight.dtype} on {weight.device}")
        self.backbone = with_open_sizes(detector.net.backbone)
        self.takes_windows = detector.proposals.method != "learned"
        self.proposer = None if self.takes_windows else detector.net.proposer
        self._config = detector.config
        self._features = detector.features
        self._head = InferenceHead(detector.net.head)
        # A graph's projections are fixed while the image's scale is not: windows are multiplied by it first, as the
        # projection would do.
        stride = self._features.receptive_field.stride
        self._divisor = torch.tensor(stride if self._features.projection == "rounded" else (1, 1))
        self._rule = self._features.project((float(self._divisor[0]), float(self._divisor[1])))

    def forward(self, image: Tensor, windows: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Find the objects of an image.

        Args:
            image: uint8 [H, W, 3], RGB.
            windows: float32 [R, 4] x1, y1, x2, y2 in 0-based pixels, last pixels included; None: the proposed ones.

        Returns:
            Boxes [N, 4] like the windows, scores [N], labels [N] int64; best first.
        """
        sides = sides_of(image)
        maps, scales = self._maps(image, sides)
        if windows is None:
            assert self.proposer is not None
            field, limit = self._features.receptive_field, self._config.proposals.limit
            windows = proposed_windows(self.proposer, maps, scales, field, sides, limit)
        placed = self._placed(maps, scales, windows)
        # Windows on the same cells are one row, as in `RegionFeatures.score`: runtimes that round the rows of a product
        # differently would choose between equals by chance.
        cells, which = distinct_rows(torch.cat([placed.map[:, None], placed.windows], dim=1))
        scores, *rest = (each[which] for each in self._head(self._rows(maps, cells)))
        return select_boxes(windows, scores, rest[0] if rest else None, sides, self._config)

    def _maps(self, image: Tensor, sides: tuple[Tensor, Tensor]) -> tuple[list[Tensor], Tensor]:
        """The convolutions' maps, and for each how large its image is beside the original: [maps, 2] across, down."""
        features, maps, scales = self._features, [], []
        for scale in features.scales:
            size = scaled_size(*sides, scale, features.longest)
            pixels = bilinear(image, sides, size, features.smallest)
            network_input = features.normalization(pixels.permute(2, 0, 1))
            maps.append(self.backbone(torch.where(is_inside(size, pixels), network_input, 0.0)[None]))
            down, across = (quotient(after, before) for after, before in zip(size, sides, strict=True))
            scales.append(torch.stack([across, down]))
        return maps, torch.stack(scales)

    def _rows(self, maps: list[Tensor], cells: Tensor) -> Tensor:
        """Pooled features [U, C*M] of windows of cells [U, 5]: map, x, y, width, height."""
        low, extent = cells[:, 1:3], cells[:, 3:5]
        rois = F.pad(torch.cat([low, low + extent], dim=1).float(), (1, 0))
        rules = [spp_ops.Projection.cells()] * len(maps)
        return spp_ops.roi_spatial_pyramid_pool(maps, rois, self._features.levels, rules, map_index=cells[:, 0])

    def _placed(self, maps: list[Tensor], scales: Tensor, windows: Tensor) -> Placements:
        """The cells of windows [R, 4], each on the map its area suits best."""
        features = self._features
        factors = scales / self._divisor
        extent = (windows[:, 2:] - windows[:, :2]).double() + 1
        area = extent.clamp(min=0).prod(dim=1)
        distance = (area[:, None] * factors.double().prod(dim=1) - features.projected_area).abs()
        nearest = distance.argmin(dim=1)
        boxes = F.pad(windows * torch.cat([factors, factors], dim=1)[nearest], (1, 0))
        sizes = [(each.shape[2], each.shape[3]) for each in maps]
        return place_boxes(boxes, sizes, [self._rule] * len(maps), 1, nearest)
