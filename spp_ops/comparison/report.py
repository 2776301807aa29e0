"""The comparison as a table and as plain data, beside the paper's figures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from spp_ops.comparison.timing import Comparison, Stages

# Total speed-up over R-CNN on the same ZF-5, PASCAL VOC 2007 with a 2014 GPU (paper, section 4.3).
PAPER_SPEED_UPS = {"SPP-net, 1 scale": 102, "SPP-net, 5 scales": 38}


def rows(comparison: Comparison) -> dict[str, Stages]:
    """Return the times by the name of the method."""
    return {
        "SPP-net, 1 scale": comparison.one_scale,
        "SPP-net, 5 scales": comparison.five_scales,
        "R-CNN": comparison.rcnn,
    }


def speed_ups(comparison: Comparison, stages: Stages) -> tuple[float, float]:
    """How many times less than R-CNN a method takes: for convolutions and pooling, and in total."""
    rcnn = comparison.rcnn
    return rcnn.conv_and_pool / stages.conv_and_pool, rcnn.total / stages.total


def table(comparison: Comparison, title: str) -> Table:
    """Seconds a photo by stage, and speed-ups."""
    left = {"title_justify": "left", "caption_justify": "left"}
    result = Table(title=title, caption=caption(comparison), box=SIMPLE_HEAD, padding=0, **left)  # type: ignore[arg-type]
    result.add_column("seconds a photo", no_wrap=True)
    for column in ("prepare", "conv", "pool", "fc"):
        result.add_column(column, justify="right")
    result.add_column("total", justify="right", style="bold")
    result.add_column("speed-up\nconv+pool", justify="right", style="green")
    result.add_column("speed-up\ntotal", justify="right", style="bold green")
    result.add_column("paper's\ntotal", justify="right", style="dim")
    for name, stages in rows(comparison).items():
        times = [_seconds(s) for s in (stages.prepare, stages.conv, stages.pool, stages.fc, stages.total)]
        if stages is comparison.rcnn:
            mark = "*" if comparison.extrapolated else ""
            result.add_row(name + mark, *times, "", "", "")
        else:
            gains = [f"{gain:.1f}x" for gain in speed_ups(comparison, stages)]
            result.add_row(name, *times, *gains, f"{PAPER_SPEED_UPS[name]}x")
    return result


def caption(comparison: Comparison) -> str:
    """Say what the table's figures mean."""
    notes = [
        "prepare: resizing the photo, or warping the windows; not in the paper's times.",
        f"fc: {comparison.windows:,} rows of {comparison.feature_length:,} numbers, the same work for all three.",
    ]
    if comparison.extrapolated:
        notes.append(f"* timed on {comparison.rcnn_windows:,} windows drawn at random, extrapolated to all.")
    notes.append("paper: the same network, a GPU of 2014.")
    return "\n".join(notes)


def as_data(comparison: Comparison) -> dict[str, Any]:
    """Everything in the table, for JSON."""
    methods = {}
    for name, stages in rows(comparison).items():
        conv_and_pool, total = speed_ups(comparison, stages)
        methods[name] = {
            "seconds": {**asdict(stages), "total": stages.total},
            "speed_up": {"conv_and_pool": conv_and_pool, "total": total, "paper_total": PAPER_SPEED_UPS.get(name)},
        }
    return {
        "windows": comparison.windows,
        "feature_length": comparison.feature_length,
        "rcnn_windows_timed": comparison.rcnn_windows,
        "rcnn_extrapolated": comparison.extrapolated,
        "windows_equal_to_reference": comparison.checked_windows,
        "methods": methods,
    }


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 10 else f"{seconds:.3f}"
