"""Settings as frozen dataclasses: checked, written as plain data, read again, compared."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def expect(holds: bool, name: str, expected: str, got: object) -> None:
    """Raise the ValueError that names a setting, unless what is expected of it holds."""
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got!r}")


def as_data(record: DataclassInstance) -> dict[str, Any]:
    """Return a record as plain lists and numbers, for JSON and checkpoints."""
    return {name: _plain(value) for name, value in asdict(record).items()}


def as_tuples(value: Any) -> Any:
    """Return plain data with its lists as tuples, as records hold them."""
    return tuple(as_tuples(item) for item in value) if isinstance(value, tuple | list) else value


def difference(mine: DataclassInstance, other: DataclassInstance) -> str | None:
    """Return the first field in which two records differ, as a line for the user; None where they agree."""
    for field in fields(mine):
        here, there = getattr(mine, field.name), getattr(other, field.name)
        if here != there:
            return f"{field.name}: the run to be resumed has {there!r}, got {here!r}"
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
