"""Images of a run: bars of ratios to ours, and curves of scaling."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from spp_ops.benchmarks.report import rows, times
from spp_ops.benchmarks.results import Contest, Record
from spp_ops.benchmarks.scaling import Curve, ScalingRecord
from spp_ops.engine.files import atomic_write

OURS, FLOOR, OTHER = "#e07b39", "#b8b8c0", "#3b6ea8"
SHOWN_OF_OURS = ("ours",)  # its variants have tables
LINES = ("-", "--", ":", "-.")  # contestants of one color


def save_contests(path: Path, record: Record) -> None:
    """Draw a panel a contest: how many times longer than ours each takes. The format follows the path's ending."""
    contests = [contest for contest in record.contests if "ours" in contest.seconds]
    figure, panels = _panels(len(contests), columns=3)
    for axes, contest in zip(panels, contests, strict=True):
        _bars(axes, contest)
    _save(figure, path)


def save_scaling(path: Path, record: ScalingRecord) -> None:
    """Draw a panel a sweep on log-log axes, each curve with its slope. The format follows the path's ending."""
    sweeps: dict[str, list[Curve]] = {}
    for curve in record.curves:
        sweeps.setdefault(curve.sweep, []).append(curve)
    figure, panels = _panels(len(sweeps), columns=2)
    for axes, curves in zip(panels, sweeps.values(), strict=True):
        _curves(axes, curves)
    _save(figure, path)


def _bars(axes: Axes, contest: Contest) -> None:
    shown = [row for row in rows(contest) if row.to_ours and (not row.is_ours or row.name in SHOWN_OF_OURS)]
    lengths = [row.to_ours.median for row in shown if row.to_ours]
    colors = [_color(row.name) for row in shown]
    axes.barh(range(len(shown)), lengths, 0.72, color=colors)
    for place, row in enumerate(shown):
        axes.text(lengths[place], place, f" {times(row.to_ours)}x", va="center", fontsize=8, color="0.25")
    axes.set_yticks(range(len(shown)), [row.name for row in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max(lengths) * 1.18)  # room for the labels
    axes.axvline(1, color=OURS, linewidth=0.8, zorder=0)
    axes.set_title(f"{contest.case} {contest.timed}, {contest.dtype}", loc="left", fontsize=10, weight="bold")
    axes.set_xlabel("time, times ours", fontsize=8)
    _quiet(axes)


def _curves(axes: Axes, curves: list[Curve]) -> None:
    used: list[str] = []
    for curve in curves:
        relative = [seconds / curves[0].medians[0] for seconds in curve.medians]
        label = f"{curve.name}, slope {curve.slope().median:.2f}"
        color = _color(curve.name)
        line = LINES[used.count(color) % len(LINES)]
        used.append(color)
        axes.plot(curve.x, relative, line, marker="o", markersize=3.5, label=label, color=color)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(curves[0].axis, fontsize=8)
    axes.set_ylabel(f"time, times {curves[0].name} at {curves[0].x[0]:,}", fontsize=8)
    axes.xaxis.set_major_locator(FixedLocator(curves[0].x))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_title(curves[0].sweep, loc="left", fontsize=10, weight="bold")
    axes.legend(fontsize=8, frameon=False)
    _quiet(axes)


def _panels(count: int, columns: int) -> tuple[Figure, list[Axes]]:
    lines = max(1, -(-count // columns))
    figure = Figure(figsize=(4.8 * columns, 3 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).flatten().tolist()
    for unused in grid[count:]:
        unused.set_axis_off()
    return figure, grid[:count]


def _color(name: str) -> str:
    if name.startswith("ours"):
        return OURS
    return FLOOR if name.startswith("floor") else OTHER


def _quiet(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2, which="major")
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)
