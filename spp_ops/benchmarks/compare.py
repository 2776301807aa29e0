"""A run against a stored baseline, to see whether a change made ours slower.

Seconds of two machines, or of two days on one, can't be compared; ratios to the write floor and to torchvision in the
same run can, much better. Ours is slower where it is so against every yardstick that both runs have, by more than the
spread: the quick quartile of the new run more than `MARGIN` above the slow quartile of the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from spp_ops.benchmarks.results import Contest, Ratio, Record

YARDSTICKS = ("floor", "torchvision")
MARGIN = 0.05


class Change(Enum):
    """What became of a contestant."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"


@dataclass(frozen=True)
class Comparison:
    """One of ours in one contest, before and after, by yardstick: how many times longer it takes."""

    contest: str
    name: str
    ratios: dict[str, tuple[Ratio, Ratio]]

    @property
    def change(self) -> Change:
        """The verdict over all yardsticks."""
        if all(_above(new, old) for old, new in self.ratios.values()):
            return Change.SLOWER
        if all(_above(old, new) for old, new in self.ratios.values()):
            return Change.FASTER
        return Change.SAME


def compare(baseline: Record, new: Record) -> list[Comparison]:
    """Compare all of ours that both runs have.

    Raises:
        ValueError: they have nothing in common.
    """
    before = {contest.key: contest for contest in baseline.contests}
    found = [c for after in new.contests if after.key in before for c in _contest(before[after.key], after)]
    if not found:
        raise ValueError("baseline: has no contest of ours with a yardstick in common with the new run")
    return found


def _contest(before: Contest, after: Contest) -> Iterator[Comparison]:
    for name in after.seconds:
        if not name.startswith("ours"):
            continue
        ratios = {}
        for yardstick in YARDSTICKS:
            old, new = before.ratio(name, yardstick), after.ratio(name, yardstick)
            if old is not None and new is not None:
                ratios[yardstick] = (old, new)
        if ratios:
            yield Comparison(after.key, name, ratios)


def _above(ratio: Ratio, other: Ratio) -> bool:
    return ratio.low > other.high * (1 + MARGIN)
