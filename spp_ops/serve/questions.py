"""What stands in a request's query -> a question; whatever does not is refused by one line."""

from __future__ import annotations

import math
from collections.abc import Mapping

from spp_ops.detection.features.regions import ProjectionRule
from spp_ops.serve.explain import Question
from spp_ops.serve.limits import Refusal
from spp_ops.serve.study import RULES, Study

MOST_LEVELS = 6
MOST_BINS = 16  # a side
_FARTHEST = 1e5  # pixels
_LONGEST = 200  # characters of a value


def read_question(query: Mapping[str, str], study: Study) -> Question:
    """Read a question about a window of an image.

    Args:
        query: ``box`` x1,y1,x2,y2; ``levels`` such as 6,3,2,1; ``rule``; ``channel``, a number or "all".
        study: the image.

    Raises:
        Refusal: with status 400, naming what is wrong.
    """
    return Question(_box(query), _levels(query), _rule(query), read_channel(query, study))


def read_channel(query: Mapping[str, str], study: Study) -> int | None:
    """Read a channel's number; None: all of them."""
    text = _text(query, "channel")
    if text == "all":
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) >= study.channels:
        raise _bad("channel", f"all, or a number from 0 to {study.channels - 1}", text)
    return int(text)


def read_map(text: str, study: Study) -> int:
    """Read a map's number."""
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) >= len(study.maps):
        raise _bad("map", f"a number from 0 to {len(study.maps) - 1}", text)
    return int(text)


def _box(query: Mapping[str, str]) -> tuple[float, float, float, float]:
    text = _text(query, "box")
    try:
        x1, y1, x2, y2 = map(float, text.split(","))
    except ValueError:
        raise _bad("box", "x1,y1,x2,y2", text) from None
    if not all(math.isfinite(corner) and abs(corner) <= _FARTHEST for corner in (x1, y1, x2, y2)):
        raise _bad("box", f"corners within {_FARTHEST:g} pixels", text)
    if x1 > x2 or y1 > y2:
        raise _bad("box", "x1 <= x2 and y1 <= y2", text)
    return x1, y1, x2, y2


def _levels(query: Mapping[str, str]) -> tuple[int, ...]:
    text = _text(query, "levels")
    parts = text.split(",")
    expected = f"1 to {MOST_LEVELS} numbers from 1 to {MOST_BINS} with commas between"
    if len(parts) > MOST_LEVELS or not all(part.isascii() and part.isdigit() for part in parts):
        raise _bad("levels", expected, text)
    levels = tuple(int(part[:9]) for part in parts)
    if not all(1 <= level <= MOST_BINS for level in levels):
        raise _bad("levels", expected, text)
    return levels


def _rule(query: Mapping[str, str]) -> ProjectionRule:
    text = _text(query, "rule")
    if text not in RULES:
        raise _bad("rule", f"one of {', '.join(RULES)}", text)
    return text


def _text(query: Mapping[str, str], name: str) -> str:
    if name not in query:
        raise Refusal(400, f"{name}: expected in the query, got none")
    return query[name]


def _bad(name: str, expected: str, text: str) -> Refusal:
    shown = ascii(text[:_LONGEST])
    return Refusal(400, f"{name}: expected {expected}, got {shown}")
