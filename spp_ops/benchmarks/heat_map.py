"""The grid as heat maps of ratios: a panel for each map, layout and pass; windows across, channels and sizes down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from spp_ops.benchmarks.grid import Point
from spp_ops.engine.files import atomic_write

LARGEST = 2.0  # decimal powers of a ratio that have a color of their own


def save_grid(path: Path, points: Sequence[Point]) -> None:
    """Draw the points; blue is faster than torchvision, red slower. The format follows the path's ending."""
    kinds = list(dict.fromkeys((p.channels_last, p.gradient) for p in points))
    maps = list(dict.fromkeys(p.map for p in points))
    figure = Figure(figsize=(4.2 * len(maps), 4.6 * len(kinds)), layout="constrained")
    axes = figure.subplots(len(kinds), len(maps), squeeze=False)
    for row, kind in zip(axes, kinds, strict=True):
        for panel, shape in zip(row, maps, strict=True):
            _panel(panel, [p for p in points if p.map == shape and (p.channels_last, p.gradient) == kind])
            layout, timed = ("channels-last" if kind[0] else "NCHW"), ("with gradient" if kind[1] else "forward")
            panel.set_title(f"{shape[0]} x {shape[1]}, {layout}, {timed}", fontsize=9)
    with atomic_write(path) as file:
        figure.savefig(file, format=path.suffix.removeprefix("."))


def _panel(axes: Axes, points: Sequence[Point]) -> None:
    columns = sorted({p.windows for p in points})
    lines = sorted({(p.channels, p.size) for p in points})
    ratios = np.full((len(lines), len(columns)), np.nan)
    for point in points:
        ratios[lines.index((point.channels, point.size)), columns.index(point.windows)] = math.log10(point.ratio)
    axes.imshow(ratios, cmap="RdBu", norm=TwoSlopeNorm(0, -LARGEST, LARGEST), aspect="auto")
    for (i, j), ratio in np.ndenumerate(ratios):
        if not np.isnan(ratio):
            axes.text(j, i, f"{10**ratio:.3g}", ha="center", va="center", fontsize=6)
    axes.set_xticks(range(len(columns)), [str(each) for each in columns], fontsize=7)
    axes.set_yticks(range(len(lines)), [f"{channels} ch, {size}" for channels, size in lines], fontsize=7)
    axes.set_xlabel("windows", fontsize=8)
