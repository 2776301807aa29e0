"""Command lines that are not run are still held to what there is: commands, options, targets, modules, extras."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
from snippets import ROOT

from spp_ops.cli import main

_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


def check_command_line(line: str) -> None:
    """Hold each command of a line to what there is.

    Raises:
        AssertionError: a `make` target, module, extra or command that is not there.
        click.UsageError: an option that the command of `spp-ops` has not.
    """
    for part in re.split(r"\s(?:\|\|?|&&)\s", line):
        words = shlex.split(part, comments=True)
        while words and _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        if words:
            _check_command(Path(words[0]).name, words[1:])


def _check_command(program: str, words: list[str]) -> None:
    if program == "spp-ops":
        _check_spp_ops(words)
    elif program in {"python", "torchrun", "python3"} and "-m" in words:
        module = words[words.index("-m") + 1]
        rest = words[words.index("-m") + 2 :]
        if module == "spp_ops":
            _check_spp_ops(rest)
        else:
            assert importlib.util.find_spec(module), f"no module {module}"
    elif program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        for word in words:
            assert _ASSIGNMENT.fullmatch(word) or word in targets, f"no target {word}"
    elif program == "pip":
        wanted = re.findall(r"\[(.*?)\]", " ".join(words))
        extras = re.findall(r"^(\w+) = \[$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
        for name in ",".join(wanted).split(","):
            assert not name or name in extras, f"no extra {name}"


def _check_spp_ops(words: list[str]) -> None:
    """Parse options and arguments as the command would, without looking at their values."""
    command: click.Command = main
    context = click.Context(main, info_name="spp-ops")
    while isinstance(command, click.Group):
        assert words, "a command is missing"
        group, name = command, words[0]
        found = group.get_command(context, name)
        assert found is not None, f"no command {name}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=name)
    command.make_parser(context).parse_args(words)
