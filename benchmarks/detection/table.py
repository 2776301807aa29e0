"""The measured average precisions as a table in Markdown and as an image.

python -m benchmarks.detection.table

Reads benchmarks/results/detection/{joint,staged,rcnn}-{raccoon,boards}.json, as far as they are there, prints the table
and writes docs/images/detection_map.png.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.detection.common import RESULTS, load_results
from spp_ops.engine.files import atomic_write

IMAGE = Path(__file__).parents[2] / "docs" / "images" / "detection_map.png"
DATA = {"raccoon": "raccoons", "boards": "boards"}
COLORS = ("#4c78a8", "#f58518")
BOXES = {"boxes": "", "no boxes": ", no box regression"}


@dataclass(frozen=True)
class Row:
    """One setting: its name, and for each data set the mean average precisions of its seeds."""

    name: str
    means: dict[str, list[float]]

    def cells(self) -> list[str]:
        """Of the table."""
        return [_cell(self.means[data]) if data in self.means else "" for data in DATA]


def main() -> None:
    """Print and draw."""
    rows: dict[str, Row] = {}
    for data in DATA:
        for name, means in all_means(data):
            rows.setdefault(name, Row(name, {})).means[data] = means
    print(f"| | {' | '.join(DATA.values())} |")
    print("|---|---|---|")
    for row in rows.values():
        print(f"| {row.name} | {' | '.join(row.cells())} |")
    draw(list(rows.values()))


def all_means(data: str) -> Iterator[tuple[str, list[float]]]:
    """Names of settings, each with its seeds' results on a data set."""
    yield from _joint(load_results(RESULTS / f"joint-{data}.json"))
    yield from _staged(load_results(RESULTS / f"staged-{data}.json"))
    for name, found in load_results(RESULTS / f"rcnn-{data}.json").items():
        if isinstance(found, dict) and "mean_ap_11_point" in found:
            yield f"staged, fewer windows: {name}", [found["mean_ap_11_point"]]


def draw(rows: Sequence[Row]) -> None:
    """Horizontal bars, a setting a group; dots are seeds."""
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(rows) + 1.2), layout="constrained")
    for number, (data, title) in enumerate(DATA.items()):
        for place, row in enumerate(rows):
            means = row.means.get(data, [])
            if means:
                y = place + 0.4 * number
                label = title if place == 0 else None
                axes.barh(y, sum(means) / len(means), 0.38, color=COLORS[number], alpha=0.75, label=label)
                axes.plot(means, [y] * len(means), "o", color="black", markersize=3)
    axes.set_yticks([place + 0.2 for place in range(len(rows))], [row.name for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.margins(y=0.01)
    axes.set_xlabel("mean average precision (11 points, overlap 0.5); dots: seeds")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    with atomic_write(IMAGE) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _joint(results: dict[str, Any]) -> Iterator[tuple[str, list[float]]]:
    for name in ("convolutions learn", "convolutions frozen"):
        found = dict(results.get(name, {}))
        combined = found.pop("two combined", None)
        for scales in ("1 scale", "5 scales"):
            means = [row[scales]["mean_ap_11_point"] for row in found.values() if scales in row]
            if means:
                yield f"joint, {name}, {scales}", means
        if combined is not None:
            yield f"joint, {name}, 5 scales, two combined", [combined["mean_ap_11_point"]]


def _staged(results: dict[str, Any]) -> Iterator[tuple[str, list[float]]]:
    for name, seeds in results.get("settings", {}).items():
        for boxes, title in BOXES.items():
            means = [row[boxes]["mean_ap_11_point"] for row in seeds.values() if boxes in row]
            if means:
                yield f"staged, {name}{title}", means


def _cell(means: Sequence[float]) -> str:
    mean = f"{sum(means) / len(means):.3f}"
    return mean if len(means) == 1 else f"{mean} ({min(means):.3f} to {max(means):.3f})"


if __name__ == "__main__":
    main()
