"""A run as a picture: a bar a contestant, ours divided into parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from spp_ops.benchmarks.detect.parts import PARTS
from spp_ops.benchmarks.detect.results import DetectRecord
from spp_ops.benchmarks.report import rows, times
from spp_ops.engine.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, OTHER = "#e07b39", "#3b6ea8"
PART_COLORS = dict(
    zip(PARTS, ("#b8b8c0", "#8e6bbf", "#d9c35b", "#3b6ea8", "#e07b39", "#6a9e5b", "#6b6b73"), strict=True)
)


def save_chart(path: Path, record: DetectRecord) -> None:
    """Draw how many times longer than ours each takes, and where ours spend it; the format follows the ending."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 0.7 + 0.34 * (len(record.contest.seconds) + len(record.parts))), layout="constrained")
    heights = len(record.contest.seconds), max(len(record.parts), 1)
    above, below = figure.subplots(2, 1, height_ratios=heights)
    _contestants(above, record)
    _parts(below, record.parts)
    figure.suptitle(f"A photo from its file to boxes: {record.detector}", x=0.01, ha="left", fontsize=10)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _contestants(axes: Axes, record: DetectRecord) -> None:
    shown = [row for row in rows(record.contest) if row.to_ours]
    lengths = [row.to_ours.median for row in shown if row.to_ours]
    axes.barh(range(len(shown)), lengths, 0.72, color=[OURS if row.is_ours else OTHER for row in shown])
    for place, row in enumerate(shown):
        axes.text(lengths[place], place, f" {times(row.to_ours)}x", va="center", fontsize=8, color="0.25")
    axes.set_yticks(range(len(shown)), [row.name for row in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(min(lengths) / 2, max(lengths) * 1.5)  # room for the labels
    axes.axvline(1, color=OURS, linewidth=0.8, zorder=0)
    axes.set_xlabel("time, times ours", fontsize=8)
    _quiet(axes)


def _parts(axes: Axes, parts: Mapping[str, Mapping[str, float]]) -> None:
    """Draw a bar a way to propose windows, its parts one after the other, as shares of the whole."""
    for row, seconds in enumerate(parts.values()):
        begin, whole = 0.0, sum(seconds.values())
        for part, color in PART_COLORS.items():
            share = seconds[part] / whole
            axes.barh(row, share, 0.62, left=begin, color=color, label=part if row == 0 else None)
            begin += share
    axes.set_yticks(range(len(parts)), list(parts), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the time", fontsize=8)
    axes.legend(fontsize=8, frameon=False, ncols=len(PARTS), loc="lower center", bbox_to_anchor=(0.5, 1))
    _quiet(axes)


def _quiet(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.2, which="major")
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
