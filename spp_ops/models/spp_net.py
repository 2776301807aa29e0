"""SPP-net for classification: convolutions, spatial pyramid pooling, fully connected layers (paper, section 2)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch.fx
from torch import Tensor, nn

from spp_ops._core.checks import Levels, level_pairs, level_tuple
from spp_ops.datasets.image import IMAGENET_NORMALIZATION, Normalization
from spp_ops.models.shapes import map_shape
from spp_ops.nn import SpatialPyramidPool2d

FIRST_FC = 6  # the paper calls the fully connected layers fc6, fc7, fc8, whatever stands below them


class SPPNet(nn.Module):
    """A convolution stack whose last pooling is a spatial pyramid, so that images of any size give one fixed length.

    Attributes:
        backbone: the convolution stack: images [N, 3, H, W] -> maps [N, C, h, w].
        pool: maps -> rows [N, C*M], M the number of bins.
        head: rows -> scores [N, num_classes]; fc6, relu6, drop6, fc7, ... in one `nn.Sequential`. It takes the rows of
            `spp_ops.roi_spatial_pyramid_pool` as well, one a window.
        levels: the pyramid; None where `pool` is not one.
        normalization: how the network wants its pixels.

    Args:
        backbone: any module from images to maps; its channels are found by a dry run.
        levels: the pyramid, as in `spp_ops.spatial_pyramid_pool`; None for the network without one, which needs `pool`.
        num_classes: number of scores.
        hidden: widths of the fully connected layers before the last.
        dropout: probability of a zero after each of them.
        pool: what to put in place of the pyramid: maps -> rows. The network then takes 224 x 224 images only.
        normalization: kept for those who feed the network; default: ImageNet's mean and deviation, as torchvision's
            pretrained weights want.
    """

    def __init__(
        self,
        backbone: nn.Module,
        levels: Levels | None = (6, 3, 2, 1),
        num_classes: int = 1000,
        *,
        hidden: Sequence[int] = (4096, 4096),
        dropout: float = 0.5,
        pool: nn.Module | None = None,
        normalization: Normalization = IMAGENET_NORMALIZATION,
    ) -> None:
        super().__init__()
        if (levels is None) == (pool is None):
            raise ValueError("levels, pool: expected exactly one of them")
        if num_classes < 1:
            raise ValueError(f"num_classes: expected at least 1, got {num_classes}")
        self.backbone = backbone
        self.levels = None if levels is None else level_tuple(levels)
        self.normalization = normalization
        if levels is not None:
            channels, _, _ = map_shape(backbone, 224, 224)
            self.pool: nn.Module = SpatialPyramidPool2d(levels)
            self.pooled_features = channels * sum(rows * columns for rows, columns in level_pairs(levels))
        else:
            assert pool is not None
            self.pool = nn.Sequential(pool, nn.Flatten())
            channels, rows, columns = map_shape(nn.Sequential(backbone, pool), 224, 224)
            self.pooled_features = channels * rows * columns
        self.head = fully_connected(self.pooled_features, hidden, num_classes, dropout)

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, H, W], normalized -> scores [N, num_classes]."""
        return self.head(self._pooled(self.backbone(images)))  # type: ignore[no-any-return]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names that `features` knows, from the image upwards."""
        return (*dict(self.backbone.named_children()), "conv", "spp", *dict(self.head.named_children()))

    def features(self, images: Tensor, layer: str) -> Tensor:
        """Output of one layer, for transfer to other tasks; a ReLU that follows the layer is part of it.

        Args:
            images: [N, 3, H, W], normalized.
            layer: "conv" (the last maps), "spp" (the pooled rows), or the name of a child of `backbone` (conv1 ... in
                the paper's networks) or of `head` (fc6, fc7, fc8).

        Returns:
            Maps [N, C, h, w] for a convolution layer, rows [N, D] above.

        Raises:
            ValueError: there is no such layer.
        """
        if layer not in self.layers:
            raise ValueError(f"layer: expected one of {', '.join(self.layers)}, got {layer!r}")
        if layer in dict(self.backbone.named_children()):
            return _up_to(self.backbone, layer)(images)  # type: ignore[no-any-return]
        maps: Tensor = self.backbone(images)
        if layer == "conv":
            return maps
        rows = self._pooled(maps)
        return rows if layer == "spp" else self.head_features(rows, layer)

    def head_features(self, rows: Tensor, layer: str) -> Tensor:
        """As `features`, from pooled rows [N, C*M] on: layer is fc6, fc7, ..."""
        return self.head_up_to(layer)(rows)  # type: ignore[no-any-return]

    def head_up_to(self, layer: str) -> nn.Sequential:
        """The layers that `head_features` calls, which are the head's own."""
        if layer not in dict(self.head.named_children()):
            raise ValueError(f"layer: expected one of {', '.join(dict(self.head.named_children()))}, got {layer!r}")
        return _up_to(self.head, layer)

    def _pooled(self, maps: Tensor) -> Tensor:
        return _of_length(self.pool(maps), self.pooled_features, maps)


@torch.fx.wrap  # a node of a traced graph, which could not follow the condition
def _of_length(rows: Tensor, expected: int, maps: Tensor) -> Tensor:
    if rows.shape[1] != expected:
        raise ValueError(
            f"images: expected 224 x 224, as the network has no spatial pyramid pooling; their maps are "
            f"{maps.shape[2]} x {maps.shape[3]}"
        )
    return rows


def fully_connected(inputs: int, hidden: Sequence[int], outputs: int, dropout: float) -> nn.Sequential:
    """fc6, relu6, drop6, fc7, ..., the last layer without ReLU and dropout."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, width in enumerate(hidden, FIRST_FC):
        layers[f"fc{number}"] = nn.Linear(inputs, width)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
        layers[f"drop{number}"] = nn.Dropout(dropout)
        inputs = width
    layers[f"fc{FIRST_FC + len(hidden)}"] = nn.Linear(inputs, outputs)
    return nn.Sequential(layers)


def _up_to(stack: nn.Module, layer: str) -> nn.Sequential:
    """The children of a sequential stack up to `layer`, and a ReLU after it."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in stack.named_children():
        if layer in layers and not isinstance(module, nn.ReLU):
            break
        layers[name] = module
    return nn.Sequential(layers)
