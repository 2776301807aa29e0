"""The tables of a run; `rows` and `part_rows` are what docs/benchmarks.md is made of too."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from spp_ops.benchmarks.bars import photo_verdicts
from spp_ops.benchmarks.detect.contestants import CONTESTANTS
from spp_ops.benchmarks.detect.parts import PARTS
from spp_ops.benchmarks.detect.results import DetectRecord
from spp_ops.benchmarks.report import machine, plain_table, quartiles, times, verdict_table
from spp_ops.benchmarks.report import rows as contest_rows
from spp_ops.engine.text import literal


def rows(record: DetectRecord) -> Iterator[tuple[str, str, str, str]]:
    """Name, times ours, quartiles, and what it is, of each contestant, the quickest first."""
    for row in contest_rows(record.contest):
        about = CONTESTANTS[row.name].about if row.name in CONTESTANTS else ""
        yield row.name, times(row.to_ours), quartiles(row.to_ours), about


def part_rows(record: DetectRecord) -> Iterator[tuple[str, ...]]:
    """Name and share of the seconds that each part takes."""
    for name, parts in record.parts.items():
        whole = sum(parts.values())
        yield name, *(f"{parts[part] / whole:.0%}" for part in PARTS)


def print_record(console: Console, record: DetectRecord) -> None:
    """Print everything."""
    seconds = {row.name: row.seconds.median for row in contest_rows(record.contest)}
    table = plain_table(f"A photo from its file to boxes: {record.detector}")
    table.add_column("")
    for heading in ("x ours", "quartiles", "ms here"):
        table.add_column(heading, justify="right")
    table.add_column("", overflow="fold")
    for name, ratio, spread, about in rows(record):
        style = "bold" if name == "ours" else None
        table.add_row(name, ratio, spread, f"{seconds[name] * 1000:.3g}", about, style=style)
    console.print(table)
    console.print(_parts_table(record))
    for name, reason in record.contest.left_out.items():
        console.print(literal(f"{name}: {reason}", "yellow"))
    console.print(verdict_table(photo_verdicts(record)))
    console.print(Text(f"photos: {', '.join(record.photos)}", style="dim"))
    console.print(Text(machine(record), style="dim"))


def _parts_table(record: DetectRecord) -> Table:
    table = plain_table("Milliseconds by part")
    for heading in ("", *PARTS):
        table.add_column(heading, justify="right" if heading else "left")
    for name, parts in record.parts.items():
        table.add_row(name, *(f"{parts[part] * 1000:.3g}" for part in PARTS))
    return table
