"""`spp-ops info`."""

from __future__ import annotations

import json

import click
import torch
from rich.table import Table

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output
from spp_ops.cli._options import device_option, examples
from spp_ops.engine.machine import describe_machine
from spp_ops.engine.text import literal


@click.command(cls=GroupedCommand, epilog=examples("info", "info --json"))
@device_option
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def command(device: torch.device, as_json: bool) -> None:
    """Build, device, processor and versions: what a bug report needs."""
    facts = describe_machine(device)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        table.add_row(literal(name, "bold"), text or "none")
    Output().print(table)
