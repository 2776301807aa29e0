"""The readable form of a GPU check's record."""

from __future__ import annotations

from statistics import median
from typing import Any


def markdown(record: dict[str, Any]) -> str:
    """Return the report of a record as `gpu_check` writes it."""
    machine = record["machine"]
    bandwidth = record["copy_bytes_a_second"]
    lines = [
        f"# GPU check: {'passed' if record['passed'] else 'FAILED'}",
        "",
        f"{machine['device']}; torch {machine['torch']}, spp_ops {machine['version']}; {record['date']}",
        "",
        "## Steps",
        "",
        *table(("step", "result"), [(name, step["result"]) for name, step in record["steps"].items()]),
        "",
        "## Bars",
        "",
        *table(
            ("promise", "measured", ""),
            [(bar["promise"], bar["measured"], "kept" if bar["kept"] else "MISSED") for bar in record["bars"]],
        ),
    ]
    if bandwidth is not None:
        lines += [
            "",
            "## Times",
            "",
            f"Microseconds of GPU time a call, medians of rounds in which contestants took turns. Copy bandwidth: "
            f"{bandwidth / 1e12:.2f} TB/s, read and written. `floor` is the output written once at that rate.",
            "",
            *table(
                ("case", "dtype", "pass", "contestant", "us", "x floor"),
                [
                    (c["case"], c["dtype"], c["pass"], name, f"{median(us):.1f}", f"{median(us) / c['floor']:.2f}")
                    for c in record["contests"]
                    for name, us in c["microseconds"].items()
                ],
            ),
        ]
    return "\n".join(lines) + "\n"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table's lines."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *escaped)]
