"""What differs between the reports of two runs of `abi.digests`."""

from __future__ import annotations

from typing import Any


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A line a difference; none if all is well."""
    lines = []
    if old["binary"] != new["binary"]:
        lines.append(f"different binaries: {old['binary']} and {new['binary']}")
    if old["torch"] == new["torch"]:
        lines.append(f"both ran torch {old['torch']}: nothing was compared")
    names = old["digests"].keys() | new["digests"].keys()
    lines += [
        f"{name} differs between torch {old['torch']} and {new['torch']}"
        for name in sorted(names)
        if old["digests"].get(name) != new["digests"].get(name)
    ]
    return lines
