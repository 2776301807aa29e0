"""`spp-ops benchmark document`."""

from __future__ import annotations

from pathlib import Path

import click

from spp_ops.benchmarks import document
from spp_ops.cli._options import examples


@click.command(
    "document", epilog=examples("benchmark document", "benchmark document --results my-results --page mine.md")
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/results"),
    show_default=True,
    help="Folder of the records.",
)
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), default=Path("docs/benchmarks.md"), show_default=True
)
def command(results: Path, page: Path) -> None:
    """Write docs/benchmarks.md from the stored records."""
    document.write(results, page)
    click.echo(f"wrote {page}")
