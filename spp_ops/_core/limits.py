"""Limits of the compiled operators, as the extension tells them."""

from typing import NamedTuple

from spp_ops._core import extension


class Limits(NamedTuple):
    """What the kernels can take (csrc/ops/limits.h, csrc/kernels)."""

    levels: int  # of a pyramid
    bins: int  # of a pyramid
    maps: int  # of a call
    cells: int  # of a map
    cells_16: int  # maps of up to this many have indices of 16 bits
    projection_numbers: int  # that encode a rule
    shift: int  # of a rule, in cells
    number: float  # among a rule's scales, strides and offsets, which must survive float32


LIMITS = Limits(**extension.build_info()["limits"])
