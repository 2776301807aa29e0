"""How the boxes of a Pascal VOC set are counted, found out from all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from spp_ops.datasets.formats.voc_objects import PixelRule
from spp_ops.datasets.problems import Kind, Problems

RULES: dict[int | str, PixelRule] = {1: PixelRule(1), 0: PixelRule(0), "edges": PixelRule(0, 1)}

FROM_ZERO = Kind(
    "set's boxes touch 0: pixels are counted from 0, not from 1", "sets' boxes touch 0: pixels are counted from 0"
)
EDGES = Kind(
    "set's boxes go from 0 to the width: they end at the edges of pixels, the first edge is 0",
    "sets' boxes go from 0 to the width: they end at the edges of pixels",
)

_NUMBER = rb"<%s>\s*(-?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)\s*</%s>"
_LEAST, _WIDTH, _HEIGHT, _RIGHT, _BOTTOM = (
    re.compile(_NUMBER % (tag, tag)) for tag in (rb"[xy]min", rb"width", rb"height", rb"xmax", rb"ymax")
)


def pixel_rule(first_pixel: int | str | None, annotations: Iterable[Path], root: Path, problems: Problems) -> PixelRule:
    """Return how boxes are counted.

    Args:
        first_pixel: 1, 0 or "edges"; None: found out from all annotations of the set, so that its splits agree, and
            told where it is not VOC's own 1.
        annotations: all the set's files.
        root: names the set.
        problems: takes what is found out.

    Raises:
        ValueError: first_pixel is something else.
    """
    if first_pixel is not None:
        if first_pixel not in RULES:
            raise ValueError(f"first_pixel: expected 1, 0 or 'edges', got {first_pixel!r}")
        return RULES[first_pixel]
    if problems.strict:
        return RULES[1]
    zero: Path | None = None
    edges = False
    for path in annotations:
        content = path.read_bytes()
        if zero is None and any(0 <= value < 0.5 for value in _values(_LEAST, content)):
            zero = path
        edges = edges or _ends_at_edge(content)
    if zero is None:
        return RULES[1]
    problems.mend(EDGES if edges else FROM_ZERO, zero)
    return RULES["edges" if edges else 0]


def _ends_at_edge(content: bytes) -> bool:
    width, height = (next(iter(_values(rule, content)), 0.0) for rule in (_WIDTH, _HEIGHT))
    reached = (width and width in _values(_RIGHT, content)) or (height and height in _values(_BOTTOM, content))
    return bool(reached)


def _values(rule: re.Pattern[bytes], content: bytes) -> list[float]:
    return [float(text) for text in rule.findall(content)]
