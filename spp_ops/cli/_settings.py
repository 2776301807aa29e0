"""Settings of a command as a YAML file: read by --config, and written by a run so that it can be made again."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click

from spp_ops.cli._options import Numbers, Places
from spp_ops.cli._panels import option_name

_KEY = "spp_ops.settings"
_NUMBERS = (click.types.IntParamType, click.types.FloatParamType)
# What says how a command runs this time, and nothing about what it makes.
_OF_THIS_CALL = frozenset(
    {"config", "out", "resume", "overwrite", "dry_run", "stop_after", "quiet", "verbose", "help", "traceback"}
)


def config_option() -> click.Option:
    """--config FILE."""
    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_use,
        help="YAML with options by name (scales: [480, 688]); those of the command line come before it.",
    )


class SettingsFile:
    """What the current command was given, in the words of its options."""

    @staticmethod
    def keep(command: click.Command, context: click.Context, words: list[str]) -> None:
        """Keep what was given and the defaults, as they stood before anything was made of them."""
        given, _, _ = command.make_parser(context).parse_args(words)
        kept: dict[str, Any] = {}
        for parameter in command.params:
            name = _key(parameter)
            if name not in _OF_THIS_CALL and parameter.expose_value:
                value = _plain(parameter, parameter.consume_value(context, given)[0])
                if value is not None:
                    kept[name] = value
        context.meta[_KEY] = kept

    @staticmethod
    def text() -> str:
        """Return it as a file that --config takes; nothing where no command is at work."""
        context = click.get_current_context(silent=True)
        if context is None or _KEY not in context.meta:
            return ""
        how = f"# spp-ops {context.info_name} --config settings.yaml makes this run again, in a folder of its own.\n"
        return how + SettingsFile.lines(context)

    @staticmethod
    def lines(context: click.Context) -> str:
        """Return it as YAML, a line an option."""
        import yaml

        return "".join(
            yaml.safe_dump(
                {name: value},
                default_flow_style=None if isinstance(value, list) else False,
                allow_unicode=True,
                width=float("inf"),
            )
            for name, value in context.meta.get(_KEY, {}).items()
        )


def _use(context: click.Context, parameter: click.Parameter, file: Path | None) -> None:
    """Make what a file says the defaults of the command's options."""
    if file is None:
        return
    known = {name: each for each in context.command.params for name in _keys(each)}
    defaults: dict[str, Any] = {}
    for key, value in _read(file).items():
        name = str(key).replace("-", "_")
        if name not in known or name in ("config", "help"):
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {close[0]}?" if close else f"; {context.info_name} --help lists them"
            raise ValueError(f"config: {file} sets {key!r}, which is no option of {context.info_name}{meant}")
        defaults[known[name].name or name] = _as_given(file, known[name], key, value)
    context.default_map = {**(context.default_map or {}), **{k: v for k, v in defaults.items() if v is not None}}


def _read(file: Path) -> dict[Any, Any]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"config: {file} is no YAML: {' '.join(str(error).split())}") from error
    except (FileNotFoundError, IsADirectoryError):
        raise FileNotFoundError(f"config: no file at {file}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"config: expected options by name in {file}, got a {type(content).__name__}")
    return content


def _as_given(file: Path, parameter: click.Parameter, key: object, value: Any) -> Any:
    """A value of the file as it would be typed: lists with commas, unless the option may be given more than once."""
    items = value if isinstance(value, list) else [value]
    if not all(item is None or isinstance(item, str | int | float) for item in items):
        raise ValueError(f"config: {key}: expected a number, a text or a list of these in {file}, got {value!r}")
    if value is None:
        return None
    if parameter.multiple or parameter.nargs == -1:
        return [str(item) for item in items]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        if not isinstance(value, bool):
            raise ValueError(f"config: {key}: expected true or false in {file}, got {value!r}")
        return value
    return ",".join(map(str, items))


def _plain(parameter: click.Parameter, value: Any) -> Any:
    """A value as YAML holds it, numbers as numbers; None: there is none."""
    if isinstance(value, tuple | list):
        return [_plain(parameter, item) for item in value] or None
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str):
        return value if isinstance(value, int | float) else None
    if isinstance(parameter.type, click.Path):
        return str(Path(value).absolute())  # not from the folder of today: the run must be made again from any
    if isinstance(parameter.type, _NUMBERS):
        return _number(value)
    if isinstance(parameter.type, Numbers | Places) and "," in value:
        return [_number(part) for part in value.split(",")]
    return value


def _number(text: str) -> int | float | str:
    try:
        return int(text) if text.strip().lstrip("+-").isdigit() else float(text)
    except ValueError:
        return text


def _key(parameter: click.Parameter) -> str:
    return option_name(parameter).replace("-", "_")


def _keys(parameter: click.Parameter) -> set[str]:
    """All names of a parameter in a file."""
    return {name.lstrip("-").replace("-", "_") for name in parameter.opts if len(name) > 2 or name[0] != "-"}
