"""`spp-ops benchmark`: each question it answers is a module `benchmark_NAME.py`."""

from __future__ import annotations

import click

from spp_ops.cli._group import ModuleGroup


@click.command(cls=ModuleGroup, prefix="benchmark_")
def command() -> None:
    """Measurements, each with its peers in the same run."""
