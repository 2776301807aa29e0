"""The readable form of a GPU check's record."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any


def markdown(record: dict[str, Any]) -> str:
    """Return the report of a record as `gpu_check` writes it."""
    machine = record["machine"]
    lines = [
        f"# GPU check: {'passed' if record['passed'] else 'FAILED'}",
        "",
        f"{machine['device']}; torch {machine['torch']}, CUDA {machine['cuda']}, spp_ops {machine['version']}; "
        f"{record['date']}",
        "",
        "## Steps",
        "",
        *table(("step", "result", ""), list(steps(record))),
        "",
        "## Bars",
        "",
        *table(
            ("promise", "measured", ""),
            [(bar["promise"], bar["measured"], "kept" if bar["kept"] else "MISSED") for bar in record["bars"]],
        ),
    ]
    if record["speed"] is not None:
        lines += ["", *times(record["speed"])]
    return "\n".join(lines) + "\n"


def steps(record: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Rows of the steps, those that were not made too."""
    for name, step in record["steps"].items():
        if step is None:
            yield name, "", "NOT RUN"
        else:
            yield name, f"{step['result']} ({step['seconds']:.0f} s)", "passed" if step["passed"] else "FAILED"


def times(speed: dict[str, Any]) -> list[str]:
    """Lines of times and memory."""
    peaks = ", ".join(f"{name} {number / 1e6:,.0f} MB" for name, number in speed["peak_bytes"].items())
    return [
        "## Times",
        "",
        "Microseconds of GPU time a call, medians of rounds in which contestants took turns, with quartiles. Copy "
        f"bandwidth: {speed['copy_bytes_a_second'] / 1e12:.2f} TB/s, read and written. `floor` is the output written "
        "once at that rate.",
        "",
        f"Peak memory of MAIN's forward and backward: {peaks}.",
        "",
        *table(
            ("case", "dtype", "pass", "contestant", "us", "quartiles", "x floor"),
            [
                (c["case"], c["dtype"], c["timed"], name, *figures(micros, c["floor"]))
                for c in speed["contests"]
                for name, micros in c["microseconds"].items()
            ],
        ),
    ]


def figures(micros: list[float], floor: float) -> tuple[str, str, str]:
    """Median, quartiles, and the median in floors."""
    ordered = sorted(micros)
    quarter = len(ordered) // 4
    middle = median(ordered)
    return f"{middle:.1f}", f"{ordered[quarter]:.1f} to {ordered[-1 - quarter]:.1f}", f"{middle / floor:.2f}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table's lines."""
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *escaped)]
