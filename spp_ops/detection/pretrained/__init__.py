"""Detectors that come with the package: a folder each, as `SPPDetector.save` writes them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PACKAGED", "packaged_folder"]

PACKAGED = ("digits",)


def packaged_folder(name: str) -> Path:
    """Return the folder of a detector that comes with the package.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in PACKAGED:
        raise ValueError(f"weights: expected one of {', '.join(PACKAGED)} or a run's folder, got {name!r}")
    return Path(__file__).parent / name
