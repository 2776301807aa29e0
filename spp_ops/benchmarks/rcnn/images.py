"""Images of the comparison: the windows on the photo and on a feature map, and the times as bars."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from spp_ops._core.geometry import place_boxes
from spp_ops.benchmarks.rcnn.report import rows
from spp_ops.benchmarks.rcnn.results import Comparison, Stages
from spp_ops.benchmarks.rcnn.settings import Settings
from spp_ops.datasets.image import Pixels
from spp_ops.detection.features.regions import RegionFeatures
from spp_ops.detection.proposals import Boxes
from spp_ops.engine.files import atomic_write
from spp_ops.models.spp_net import SPPNet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase
    from matplotlib.patches import Rectangle

STAGE_COLORS = {"windows": "#8e6bbf", "prepare": "#b8b8c0", "conv": "#3b6ea8", "pool": "#e07b39", "fc": "#6a9e5b"}
ACCENT = "#ff5a36"
SHOWN_WINDOWS = 40


def save_time_chart(path: str | os.PathLike[str], comparison: Comparison, subtitle: str) -> None:
    """Stacked bars of seconds a photo by method and stage; the format follows the path's ending."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    _time_bars(figure, comparison)
    title = f"Seconds for the features of {comparison.windows:,} windows of one photo"
    figure.suptitle(f"{title}\n{subtitle}", x=0.01, ha="left", fontsize=10)
    _save(figure, path)


@dataclass(frozen=True)
class Example:
    """A photo, its windows, and one of them, shown on the photo and on the map it is pooled from."""

    image: Pixels
    windows: Boxes
    row: int  # of the window
    feature_map: npt.NDArray[np.float32]  # [h, w], the mean over channels
    cells: tuple[int, int, int, int]  # of the map: x, y, width, height

    @staticmethod
    @torch.inference_mode()
    def choose(net: SPPNet, image: Pixels, windows: Boxes, settings: Settings) -> Example:
        """Choose a window of about a fifth of the image, and the map of the first scale of `settings.one_scale`."""
        areas = (windows[:, 2:] - windows[:, :2] + 1).prod(axis=1)
        row = int(np.abs(np.log(areas / (image.shape[0] * image.shape[1] / 5))).argmin())
        regions = RegionFeatures(net.backbone, settings.levels, settings.one_scale[:1], normalization=net.normalization)
        scaled = regions.maps(regions.resized(image))
        feature_map = scaled.maps[0][0].mean(dim=0)
        roi = torch.tensor([[0.0, *windows[row]]])
        size = (feature_map.shape[0], feature_map.shape[1])
        placed = place_boxes(roi, [size], scaled.projections, 1, None, regions.target_area)
        x, y, width, height = placed.windows[0].tolist()
        return Example(image, windows, row, feature_map.float().cpu().numpy(), (x, y, width, height))


def save_overview(path: str | os.PathLike[str], example: Example, comparison: Comparison, subtitle: str) -> None:
    """Draw the photo with some windows, the feature map with the example's pyramid, and the times.

    Args:
        path: the format follows its ending.
        example: what to show beside the times.
        comparison: what was measured.
        subtitle: the machine.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7.4), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.6, 1))[:, 0]
    left, right = above.subplots(1, 2)
    _photo(left, example)
    _pyramid(right, example)
    _time_bars(below, comparison)
    below.suptitle(f"3  Seconds for all {comparison.windows:,} windows  ({subtitle})", x=0.01, ha="left", fontsize=10)
    _save(figure, path)


def _photo(axes: Axes, example: Example) -> None:
    windows = example.windows
    shown = np.linspace(0, len(windows) - 1, min(SHOWN_WINDOWS, len(windows))).astype(int)
    axes.imshow(example.image)
    for box in windows[shown]:
        axes.add_patch(_rectangle(box, edgecolor="white", linewidth=0.8, alpha=0.75))
    axes.add_patch(_rectangle(windows[example.row], edgecolor=ACCENT, linewidth=2.5))
    title = f"1  The photo, {len(shown)} of {len(windows):,} selective-search windows"
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_axis_off()


def _pyramid(axes: Axes, example: Example) -> None:
    """Draw the map with the window's bins; an image's cell i spans i - 0.5 to i + 0.5 in matplotlib."""
    from matplotlib.patches import Rectangle

    axes.imshow(example.feature_map, cmap="magma")
    x, y, width, height = example.cells
    for level, line in ((6, 0.6), (3, 1.2), (2, 1.8)):
        columns = [x - 0.5 + width * k / level for k in range(1, level)]
        rows_ = [y - 0.5 + height * k / level for k in range(1, level)]
        axes.vlines(columns, y - 0.5, y - 0.5 + height, color="white", linewidth=line, alpha=0.8)
        axes.hlines(rows_, x - 0.5, x - 0.5 + width, color="white", linewidth=line, alpha=0.8)
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), width, height, fill=False, edgecolor=ACCENT, linewidth=2.5))
    map_height, map_width = example.feature_map.shape
    title = f"2  Its map, {map_width} x {map_height} cells, computed once, and the bins of one window"
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_axis_off()


def _time_bars(figure: FigureBase, comparison: Comparison) -> None:
    """Draw a stacked bar a method, and beside them those of SPP-net alone, which are short beside R-CNN's."""
    methods = rows(comparison)
    ours = {name: times for name, times in methods.items() if times is not comparison.rcnn}
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    _stacked(left, methods)
    _stacked(right, ours)
    names = list(methods)
    if comparison.extrapolated:
        names[-1] += "\n(extrapolated)"
    left.set_yticks(range(len(methods)), names)
    right.set_yticks([])
    for row, times in enumerate(ours.values()):
        text = f" {times.total:.3g} s, {comparison.speed_ups(times)[1]:.1f}x faster"
        left.text(times.total, row, text, va="center", fontsize=8, color="0.25")
        right.text(times.total, row, f" {times.total:.3g} s", va="center", fontsize=8, color="0.25")
    left.text(
        comparison.rcnn.total, len(ours), f" {comparison.rcnn.total:.3g} s", va="center", fontsize=8, color="0.25"
    )
    right.set_title("SPP-net alone", loc="left", fontsize=9)
    left.legend(loc="center right", frameon=False, fontsize=9)


def _stacked(axes: Axes, methods: dict[str, Stages]) -> None:
    """Draw a bar a method, its stages one after the other, from zero on."""
    for row, times in enumerate(methods.values()):
        begin = 0.0
        for stage, color in STAGE_COLORS.items():
            seconds = getattr(times, stage)
            axes.barh(row, seconds, 0.6, left=begin, color=color, label=stage if row == 0 else None)
            begin += seconds
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2 * max(times.total for times in methods.values()))  # room for the labels
    axes.set_xlabel("seconds")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)


def _rectangle(box: npt.NDArray[np.float32], **style: object) -> Rectangle:
    from matplotlib.patches import Rectangle

    x1, y1, x2, y2 = map(float, box)
    return Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1 + 1, y2 - y1 + 1, fill=False, **style)  # type: ignore[arg-type]


def _save(figure: Figure, path: str | os.PathLike[str]) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)
