"""Settings as frozen dataclasses: checked, written as plain data, read again, compared."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")
_OLD_NAMES = "__old_names__"


def expect(holds: bool, name: str, expected: str, got: object) -> None:
    """Raise the ValueError that names a setting, unless what is expected of it holds."""
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got!r}")


def renamed(**names: str) -> Callable[[type[Record]], type[Record]]:
    """Make a dataclass know its fields by older names too: as keywords, as attributes and in data that was saved.

    Args:
        names: old name = new name. Files and programs outlive names, so none is ever taken away.
    """

    def decorate(record: type[Record]) -> type[Record]:
        make = record.__init__

        @functools.wraps(make)
        def init(self: Record, *arguments: Any, **keywords: Any) -> None:
            make(self, *arguments, **with_new_names(record, keywords))

        setattr(record, "__init__", init)  # noqa: B010 - mypy lets nobody assign it
        setattr(record, _OLD_NAMES, names)
        for old, new in names.items():
            setattr(record, old, property(operator.attrgetter(new), doc=f"The older name of `{new}`."))
        return record

    return decorate


def with_new_names(record: type[DataclassInstance], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data of a record with the names its fields have today.

    Raises:
        ValueError: a field is there by both of its names.
    """
    names = getattr(record, _OLD_NAMES, {})
    found: dict[str, Any] = {}
    for name, value in data.items():
        new = names.get(name, name)
        if new in found:
            raise ValueError(f"{new}: expected once, got it by its older name too")
        found[new] = value
    return found


def as_data(record: DataclassInstance) -> dict[str, Any]:
    """Return a record as plain lists and numbers, for JSON and checkpoints."""
    return {name: plain(value) for name, value in asdict(record).items()}


def from_data(record: type[Record], data: Mapping[str, Any]) -> Record:
    """Invert `as_data`, for a record without records in it; older names of fields are understood.

    Raises:
        ValueError: a field is unknown, or has a value that the record refuses.
    """
    values = with_new_names(record, data)
    known = {field.name for field in fields(record)}
    for name in values:
        if name not in known:
            raise ValueError(f"{name}: no setting of a {record.__name__}; a later version may have written it")
    return record(**{name: as_tuples(value) for name, value in values.items()})


def as_tuples(value: Any) -> Any:
    """Return plain data with its lists as tuples, as records hold them."""
    return tuple(as_tuples(item) for item in value) if isinstance(value, tuple | list) else value


def plain(value: Any) -> Any:
    """Return a value with its tuples as lists, as JSON and checkpoints hold them."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def difference(mine: Any, there: Any, name: str = "") -> str | None:
    """Return the first place where two trees of plain data differ, as a line for the user; None where they agree.

    Args:
        mine: what is asked for.
        there: what a saved run has.
        name: of the trees.
    """
    if isinstance(mine, dict) and isinstance(there, dict):
        for key in [*mine, *(key for key in there if key not in mine)]:
            complaint = difference(mine.get(key), there.get(key), f"{name}.{key}" if name else key)
            if complaint is not None:
                return complaint
        return None
    return None if mine == there else f"{name}: the run to be resumed has {there!r}, got {mine!r}"
