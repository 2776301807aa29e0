"""What all commands have: help in groups, settings from a file, -q and -v."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from spp_ops.cli._panels import ORDER, panel_of
from spp_ops.cli._settings import SettingsFile, config_option
from spp_ops.cli._verbosity import VERBOSE, quiet_option, verbose_option, verbosity


class GroupedCommand(click.Command):
    """A command whose help lists its options in groups; it takes --config, -q and -v."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params += [config_option(), quiet_option(), verbose_option()]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and keep what was given, as it was given."""
        words = list(args)
        rest = super().parse_args(ctx, args)
        SettingsFile.keep(self, ctx, words)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; first say, where that is wanted, by which settings."""
        if verbosity() == VERBOSE:
            click.echo(_what_is_in_force(ctx), err=True)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, group by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            line = parameter.get_help_record(ctx)
            if line is not None:
                groups.setdefault(panel_of(parameter, ctx.info_name or ""), []).append(line)
        titles: Sequence[str] = [title for title in ORDER if title in groups]
        for title in titles:
            with formatter.section("Options" if len(titles) == 1 else title):
                formatter.write_dl(groups[title])


def _what_is_in_force(ctx: click.Context) -> str:
    import spp_ops

    info = spp_ops.build_info()
    versions = f"spp_ops {spp_ops.__version__}, torch {info['torch']}, Python {sys.version.split()[0]}"
    return f"{versions}; CPU kernels {info['cpu_level']}, {info['threads']} threads\n{SettingsFile.lines(ctx)}".rstrip()
