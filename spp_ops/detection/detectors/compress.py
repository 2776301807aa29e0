"""Smaller detectors: hidden layers by truncated singular values (Fast R-CNN, section 3.1)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from spp_ops.detection.detectors.network import RegionHead, hidden_layers
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.features.low_rank import Spectrum, is_smaller


@dataclass(frozen=True)
class Truncation:
    """What became of a hidden layer.

    Attributes:
        name: fc6, fc7, ...
        inputs, outputs: of the layer.
        rank: of its two layers now; None where it is as it was.
        energy: share of the squares of its singular values that is left.
    """

    name: str
    inputs: int
    outputs: int
    rank: int | None = None
    energy: float = 1.0


def truncate(
    detector: SPPDetector, ranks: Sequence[int] | None = None, energy: float | None = None
) -> tuple[SPPDetector, list[Truncation]]:
    """Make two layers of each hidden layer of a detector's head, where these are smaller.

    Args:
        detector: on the CPU, with weights in float32; it stays as it is.
        ranks: of each hidden layer, from the rows on; a single one is of all.
        energy: in their place: for each layer the least rank that keeps this share of the squares of its singular
            values, above 0 and at most 1.

    Returns:
        The new detector, and what became of each layer.

    Raises:
        ValueError: there are no hidden layers, or ranks that do not fit them; layers were truncated before; none would
            get smaller.
    """
    names = hidden_layers(detector.net.head.trunk)
    wanted = _checked(names, detector.config.ranks, ranks, energy)
    net = copy.deepcopy(detector.net)
    done = [_truncate(net.head, name, rank, energy) for name, rank in zip(names, wanted, strict=True)]
    if all(each.rank is None for each in done):
        given = f"energy: {energy} takes" if ranks is None else f"ranks: {list(ranks)} take"
        raise ValueError(f"{given} no fewer weights than the layers have; expected less")
    config = replace(detector.config, ranks=tuple(each.rank for each in done))
    return SPPDetector(config, net, chunk=detector.chunk, sampling=detector.sampling), done


def _checked(
    names: Sequence[str], before: Sequence[int | None], ranks: Sequence[int] | None, energy: float | None
) -> list[int | None]:
    """The rank of each layer; None where the energy decides."""
    if not names:
        raise ValueError("detector: expected one with hidden layers in its head (fc6, ...), got one without")
    if any(rank is not None for rank in before):
        raise ValueError(f"detector: expected one whose layers are whole, got ranks {list(before)}")
    if ranks is None:
        if energy is None or not 0 < energy <= 1:
            raise ValueError(f"energy: expected a share above 0 and at most 1, got {energy}")
        return [None] * len(names)
    if energy is not None:
        raise ValueError("ranks, energy: expected one of them, got both")
    if len(ranks) not in (1, len(names)) or min(ranks) < 1:
        raise ValueError(f"ranks: expected one of at least 1 for each of {', '.join(names)}, got {list(ranks)}")
    return [*ranks] * (len(names) // len(ranks))


def _truncate(head: RegionHead, name: str, rank: int | None, energy: float | None) -> Truncation:
    layer = head.trunk.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    inputs, outputs = layer.in_features, layer.out_features
    if rank is not None and not is_smaller(inputs, outputs, rank):
        return Truncation(name, inputs, outputs)
    spectrum = Spectrum(layer)
    if rank is None:
        assert energy is not None
        rank = spectrum.rank_of(energy)
        if not is_smaller(inputs, outputs, rank):
            return Truncation(name, inputs, outputs)
    setattr(head.trunk, name, spectrum.truncated(rank))
    return Truncation(name, inputs, outputs, rank, float(spectrum.energy[rank - 1]))
