"""Which part of a set a command reads: the splits that the data has, their other names, and a seeded random one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Purpose: TypeAlias = Literal["train", "test"]

SPLITS = ("train", "val", "trainval", "test")
_SAME = {"training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test"}
_DEFAULTS: dict[Purpose, tuple[str, ...]] = {"train": ("trainval", "train"), "test": ("test", "val")}
DEFAULT_SHARE = 0.2  # of a set without splits that is kept for tests


@dataclass(frozen=True)
class Part:
    """What of the data is to be read.

    Attributes:
        split: one of the data's splits; None: it has none.
        part: "train" or "val" of a random split of that; None: all of it.
        share: of "val".
        seed: of the random split.
    """

    split: str | None
    part: Literal["train", "val"] | None = None
    share: float = 0.0
    seed: int = 0

    def rows(self, names: Sequence[str]) -> list[int]:
        """Return which of these images belong to the part, in their order.

        An image's place in the random order follows from its name and the seed alone.
        """
        if self.part is None:
            return list(range(len(names)))
        order = sorted(range(len(names)), key=lambda row: hashlib.sha256(f"{self.seed}/{names[row]}".encode()).digest())
        count = min(max(round(self.share * len(names)), 1), len(names) - 1)
        chosen = order[:count] if self.part == "val" else order[count:]
        return sorted(chosen)

    def __str__(self) -> str:
        if self.part is None:
            return self.split or "all"
        kept = f"{self.share:.0%} of {self.split or 'all'}, at random with seed {self.seed}"
        return f"val ({kept})" if self.part == "val" else f"train (without {kept})"


def choose(
    there: Sequence[str], asked: str | None, purpose: Purpose, *, share: float | None = None, seed: int = 0, where: str
) -> Part:
    """Return what to read.

    Args:
        there: the data's splits; empty: it has none.
        asked: the split that the user names, by any of its names; None: what suits the purpose.
        purpose: to train or to test.
        share: of the images that a random split keeps for tests; None: 0.2 of data without splits.
        seed: of the random split.
        where: names the data in errors.

    Raises:
        ValueError: no such split is there.
    """
    wanted = (asked,) if asked is not None else _DEFAULTS[purpose]
    has_val = any(same_split(name, "val") for name in there)
    for name in wanted:
        match = next((split for split in there if split == name), None)
        match = match or next((split for split in there if same_split(split, name)), None)
        if match is not None:
            divided = purpose == "train" and share and not has_val and not same_split(match, "test")
            return Part(match, "train", share or 0.0, seed) if divided else Part(match)
    base = next((split for name in _DEFAULTS["train"] for split in there if same_split(split, name)), None)
    if not there or (base is not None and share and not has_val):
        part = _random_part(wanted, DEFAULT_SHARE if share is None else share, seed, base)
        if part is not None:
            return part
    if asked is None and purpose == "train" and len(there) == 1:
        return Part(there[0])
    hint = "" if has_val else "; or --val-share F for a random one"
    raise ValueError(f"{where}: no split {' or '.join(wanted)}; there are {', '.join(there) or 'none'} (--split{hint})")


def _random_part(wanted: Sequence[str], share: float, seed: int, base: str | None) -> Part | None:
    name = wanted[0]
    if name in ("trainval", "all") and len(wanted) == 1:
        return Part(base)
    if share == 0:
        return Part(base)
    if same_split(name, "train") or same_split(name, "trainval"):
        return Part(base, "train", share, seed)
    if same_split(name, "val") or same_split(name, "test"):
        return Part(base, "val", share, seed)
    return None


def same_split(one: str, other: str) -> bool:
    """Say whether two names mean the same split: val is valid is validation; train2017 is train."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    short = name.lower().strip("_- ")
    while short and short[-1].isdigit():
        short = short[:-1].rstrip("_- ")
    short = short or name.lower()
    return _SAME.get(short, short)
