"""Everything that decides what a trained detector finds, besides its weights: one record that goes into its folder."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from torch import nn

from spp_ops.datasets.image import IMAGENET_NORMALIZATION, Normalization
from spp_ops.detection.detectors.head import HeadPrecision
from spp_ops.detection.detectors.network import BoxInput, RegionHead, RegionNet, ScoreKind
from spp_ops.detection.detectors.proposer import ProposerConfig
from spp_ops.detection.features.regions import FIVE_SCALES, TARGET_AREA, ProjectionRule, RegionFeatures
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.proposals import from_data as proposals_from_data
from spp_ops.engine.config import as_tuples, expect
from spp_ops.models import OWN_NETWORKS, SPPNet, create, is_known
from spp_ops.models.backbones import copy_weights, read_state_dict

_RECORDS = ("proposals", "proposer", "normalization")  # fields that are records themselves


@dataclass(frozen=True)
class DetectorConfig:
    """A detector that `build` can make again; the defaults are the paper's where it has them (section 4.1).

    Attributes:
        classes: names, in the order of the labels; the background is none of them.
        arch: a name that `spp_ops.models.create` knows; any other name stands for a backbone of your own, which is
            given whenever the detector is loaded.
        levels: the pyramid, n or (rows, columns) a level.
        hidden: widths of the fully connected layers below the scores.
        ranks: of those of them that are two smaller layers; see `RegionHead`.
        score: what the scores are; see `RegionHead`.
        box_input: what boxes are corrected from; None: windows stay as they are.
        scales: shorter sides in pixels of the resized images.
        longest: no resized image gets a longer side than this.
        target_area: a window is pooled from the map on which its area in pixels is nearest this.
        inset: pixels of the resized image by which a window is shrunk on each side before projection; of the rule
            "receptive_field" alone.
        projection: the rule from windows to cells; see `RegionFeatures`.
        proposals: which windows are looked at.
        proposer: how the network proposes windows; None: it does not.
        score_threshold: boxes below this score are dropped: a probability or a margin, as `score` says.
        nms_iou: of two boxes of a class that overlap by more than this, the better one stays.
        class_agnostic_nms: so it is with two boxes of whatever classes: for objects that never overlap.
        most: boxes kept a class and image.
        precision: of the products in convolutions and head: float32, bfloat16, auto for the faster one of these on the
            machine that the detector is used on, or int8 for those in the head's hidden layers, whose weights are then
            kept in 8 bits.
        normalization: how a backbone of your own wants its pixels; None: as ImageNet's do, and that of a known `arch`
            follows from it.
    """

    classes: tuple[str, ...]
    arch: str = "squeezenet1_0"
    levels: tuple[int | tuple[int, int], ...] = (6, 3, 2, 1)
    hidden: tuple[int, ...] = (4096, 4096)
    score: ScoreKind = "softmax"
    box_input: BoxInput | None = "trunk"
    scales: tuple[int, ...] = FIVE_SCALES
    longest: int = 4000
    target_area: float = TARGET_AREA
    inset: float = 6.5
    projection: ProjectionRule = "receptive_field"
    proposals: ProposalConfig = field(default_factory=ProposalConfig)
    proposer: ProposerConfig | None = None
    score_threshold: float = 0.05
    nms_iou: float = 0.3
    class_agnostic_nms: bool = False
    most: int = 100
    precision: HeadPrecision = "float32"
    normalization: Normalization | None = None
    ranks: tuple[int | None, ...] = ()

    def __post_init__(self) -> None:
        named = all(isinstance(name, str) for name in self.classes)
        distinct = named and len(set(self.classes)) == len(self.classes) > 0
        expect(distinct, "classes", "one or more different names", self.classes)
        expect(self.score in get_args(ScoreKind), "score", " or ".join(get_args(ScoreKind)), self.score)
        rules = get_args(ProjectionRule)
        expect(self.projection in rules, "projection", f"one of {', '.join(rules)}", self.projection)
        precisions = get_args(HeadPrecision)
        agnostic = self.class_agnostic_nms
        expect(isinstance(agnostic, bool), "class_agnostic_nms", "true or false", agnostic)
        expect(self.precision in precisions, "precision", f"one of {', '.join(precisions)}", self.precision)
        inputs = get_args(BoxInput)
        expect(self.box_input in (None, *inputs), "box_input", f"{', '.join(inputs)} or None", self.box_input)
        expect(len(self.scales) > 0 and all(map(_counts, self.scales)), "scales", "one or more sides", self.scales)
        expect(all(map(_counts, self.hidden)), "hidden", "widths of at least 1", self.hidden)
        low = all(rank is None or _counts(rank) for rank in self.ranks) and len(self.ranks) in (0, len(self.hidden))
        expect(low, "ranks", f"none, or a rank or None for each of {len(self.hidden)} hidden layers", self.ranks)
        for name in ("longest", "most"):
            expect(_counts(getattr(self, name)), name, "a whole number of at least 1", getattr(self, name))
        for name in ("target_area", "inset", "score_threshold", "nms_iou"):
            number = isinstance(getattr(self, name), float | int) and math.isfinite(getattr(self, name))
            expect(number, name, "a finite number", getattr(self, name))
        expect(self.target_area > 0, "target_area", "a positive number of pixels", self.target_area)
        expect(0 <= self.nms_iou <= 1, "nms_iou", "a number from 0 to 1", self.nms_iou)

    @property
    def is_known(self) -> bool:
        """Whether `arch` says which backbone it is."""
        return is_known(self.arch)

    def build(
        self,
        weights: str | os.PathLike[str] | None = None,
        dropout: float = 0.5,
        *,
        backbone: nn.Module | None = None,
    ) -> RegionNet:
        """Make the network, all but what `weights` gives drawn from torch's random numbers.

        Args:
            weights: of the convolutions. For one of torchvision's networks as in `spp_ops.models.backbone`; for one of
                ours what `spp_ops.models.backbones.read_state_dict` reads.
            dropout: probability of a zero after each hidden layer, in training.
            backbone: the backbone that `arch` stands for, where that is no known name.

        Raises:
            ValueError, FileNotFoundError: as `spp_ops.models.create`.
        """
        outside = backbone is None and self.arch not in OWN_NETWORKS
        if backbone is None:
            net = create(self.arch, 1, self.levels, weights=weights if outside else None, hidden=())
        elif self.is_known:
            raise ValueError(f"backbone: expected none, as arch {self.arch!r} is a known one; call yours another name")
        else:
            normalization = self.normalization or IMAGENET_NORMALIZATION
            net = SPPNet(backbone, self.levels, 1, hidden=(), normalization=normalization)
        head = RegionHead(
            net.pooled_features,
            len(self.classes),
            self.hidden,
            dropout=dropout,
            score=self.score,
            box_input=self.box_input,
            ranks=self.ranks,
        )
        region_net = RegionNet(net, head, self.proposer)
        if weights is not None and not outside:
            copy_weights(region_net.backbone, read_state_dict(Path(weights)), f"{weights} does not fit {self.arch}")
        return region_net

    def features(self, net: RegionNet) -> RegionFeatures:
        """What pools the windows' rows for the network's head."""
        return RegionFeatures(
            net.backbone,
            net.levels,
            self.scales,
            inset=self.inset,
            target_area=self.target_area,
            longest=self.longest,
            normalization=net.normalization,
            projection=self.projection,
        )


def from_data(data: Mapping[str, Any]) -> DetectorConfig:
    """Invert `spp_ops.engine.config.as_data`. Fields that are not there take their defaults.

    Raises:
        ValueError: a field is unknown or has no allowed value.
        TypeError: a field's value is of another kind.
    """
    if not isinstance(data, Mapping):
        raise TypeError(f"config: expected a detector's fields, got a {type(data).__name__}")
    unknown = sorted(set(data) - {known.name for known in fields(DetectorConfig)})
    if unknown:
        raise ValueError(f"{unknown[0]}: a detector has no such field")
    values = {name: as_tuples(value) for name, value in data.items() if name not in _RECORDS}
    proposals = proposals_from_data(data["proposals"]) if "proposals" in data else ProposalConfig()
    inner: dict[str, Any] = {}
    for name, record in (("normalization", Normalization), ("proposer", ProposerConfig)):
        value = data.get(name)
        inner[name] = None if value is None else record(**{key: as_tuples(value[key]) for key in value})
    return DetectorConfig(**values, proposals=proposals, **inner)


def _counts(value: object) -> bool:
    """Whether a value is a whole number of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
