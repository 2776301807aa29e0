"""Options that name files and folders to write to: checked before the work, and nothing of the user's is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from spp_ops.cli._options import Command
from spp_ops.engine.files import refuse_replacing, refuse_unwritable


def output_options(**helps: str) -> Callable[[Command], Command]:
    """`--NAME FILE` for each file to be written, as the argument NAME_path, and --overwrite.

    A file that is there is replaced only with --overwrite, or if the command has --add and it is given; an input of
    the command, or a file in a folder that is one, never.
    """
    parameters = {f"{name}_path": name for name in helps}

    def decorate(command: Command) -> Command:
        @wraps(command)
        def guarded(*, overwrite: bool, **given: Any) -> Any:
            inputs = [path for name, value in given.items() if name not in parameters for path in _paths(name, value)]
            wanted = {option: given[name] for name, option in parameters.items() if given[name] is not None}
            for option, path in wanted.items():
                refuse_replacing(option, path, inputs, overwrite=overwrite or given.get("add", False))
            if len({path.resolve() for path in wanted.values()}) < len(wanted):
                raise ValueError(
                    f"{', '.join(wanted)}: expected different files, got {next(iter(wanted.values()))} twice"
                )
            return command(**given)

        decorated: Any = guarded
        for option in (*(_file_option(name, help) for name, help in reversed(helps.items())), _overwrite_files):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def to_folder(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Callback of options that name a folder to write into: refuse now what would fail after hours."""
    if path is not None:
        refuse_unwritable(parameter.opts[0].removeprefix("--"), path, folder=True)
    return path


def refuse_unknown_format(path: Path) -> None:
    """Refuse the name of a plot by whose ending no format is known."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in known:
        raise ValueError(f"plot: expected a name ending in .{', .'.join(sorted(known))}, got {str(path)!r}")


_overwrite_files = click.option("--overwrite", is_flag=True, help="Replace files of these names that are there.")


def _file_option(name: str, help: str) -> Callable[[Any], Any]:
    return click.option(
        f"--{name}", f"{name}_path", metavar="FILE", type=click.Path(path_type=Path), callback=_to_file, help=help
    )


def _to_file(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None:
        refuse_unwritable(parameter.opts[0].removeprefix("--"), path)
        if parameter.name == "plot_path":
            refuse_unknown_format(path)
    return path


def _paths(name: str, value: object) -> Iterator[Path]:
    """The files and folders that an argument of a command names."""
    if isinstance(value, tuple):
        for each in value:
            yield from _paths(name, each)
    elif isinstance(value, Path):
        yield value
    elif isinstance(value, str) and name in ("weights", "file"):
        yield Path(value)
    elif is_dataclass(value):  # options that were put together
        for each in fields(value):
            yield from _paths(each.name, getattr(value, each.name))
