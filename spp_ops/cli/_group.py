"""A click group whose commands are modules, found by name and imported when asked for."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import click

import spp_ops.cli


class ModuleGroup(click.Group):
    """Each command is the `command` of a module in `spp_ops.cli`; dashes in names are underscores in modules.

    With prefix ``NAME_`` a group has the commands of the modules ``NAME_...``; the root has all those that are not in
    another module's group.
    """

    def __init__(self, *args: Any, prefix: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._modules())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = self._modules().get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(f"spp_ops.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what their files say: importing them all would take seconds."""
        listed: list[click.Command] = [
            click.Command(name, help=_help_of(module)) for name, module in sorted(self._modules().items())
        ]
        click.Group(commands=listed).format_commands(ctx, formatter)

    def _modules(self) -> dict[str, str]:
        """Modules of this group's commands by the commands' names."""
        found = [module.name for module in pkgutil.iter_modules(spp_ops.cli.__path__)]
        own = [name for name in found if name.startswith(self.prefix) and not name.startswith("_")]
        direct = [name for name in own if not any(name.startswith(f"{group}_") for group in own)]
        return {name.removeprefix(self.prefix).replace("_", "-"): name for name in direct}


def _help_of(module: str) -> str | None:
    """Return the docstring of the command in a module, which is its help."""
    tree = ast.parse((Path(spp_ops.cli.__path__[0]) / f"{module}.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "command"]
    return ast.get_docstring(functions[0]) if functions else None
