"""The comparison as a table and as plain data, beside the paper's figures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from spp_ops.benchmarks.rcnn.results import FEWER, FIVE, ONCE, ONE, Comparison, Stages
from spp_ops.engine.text import literal

# Total speed-up over R-CNN on the same ZF-5, PASCAL VOC 2007 with a 2014 GPU (paper, section 4.3).
PAPER_SPEED_UPS = {ONE: 102, FIVE: 38}


def rows(comparison: Comparison) -> dict[str, Stages]:
    """Return the times by the name of the method, of those that do the same work for every window."""
    return {ONE: comparison.methods[ONE], FIVE: comparison.methods[FIVE], "R-CNN": comparison.rcnn}


def table(comparison: Comparison, title: str) -> Table:
    """Seconds a photo by stage, and speed-ups."""
    left = {"title_justify": "left", "caption_justify": "left"}
    result = Table(title=literal(title), caption=caption(comparison), box=SIMPLE_HEAD, padding=0, **left)  # type: ignore[arg-type]
    result.add_column("seconds a photo", no_wrap=True)
    for column in ("windows", "prepare", "conv", "pool", "fc"):
        result.add_column(column, justify="right")
    result.add_column("total", justify="right", style="bold")
    result.add_column("speed-up\nconv+pool", justify="right", style="green")
    result.add_column("speed-up\ntotal", justify="right", style="bold green")
    result.add_column("paper's\ntotal", justify="right", style="dim")
    for name, stages in comparison.methods.items():
        gains = [f"{gain:.1f}x" for gain in comparison.speed_ups(stages)]
        paper = f"{PAPER_SPEED_UPS[name]}x" if name in PAPER_SPEED_UPS else ""
        result.add_row(_short(name), *_times(stages), *gains, paper)
    mark = "*" if comparison.extrapolated else ""
    result.add_row("R-CNN" + mark, *_times(comparison.rcnn), "", "", "")
    return result


def caption(comparison: Comparison) -> str:
    """Say what the table's figures mean."""
    distinct, less = (
        " and ".join(numbers)
        for numbers in zip(
            *((f"{comparison.distinct[name]:.0%}", f"{comparison.less_work(name):.1f}") for name in (ONE, FIVE)),
            strict=True,
        )
    )
    bound = comparison.rcnn.total / comparison.rcnn.fc
    notes = [
        "windows: selective search, ours; not in the paper's times, as prepare.",
        "prepare: resizing the photo, or warping the windows.",
        f"fc: {comparison.windows:,} rows of {comparison.feature_length:,} numbers; alone it bounds the total "
        f"speed-up at {bound:.0f}x.",
        f"equal once: equal windows pooled and classified once; {distinct} are kept.",
        f"R-CNN does {less} times the products in conv, in batches of {comparison.rcnn_batch}.",
    ]
    if comparison.bfloat16_difference is not None:
        notes.append(f"bfloat16 changes the features by {100 * comparison.bfloat16_difference:.2g}% (rms).")
    if comparison.int8_difference is not None:
        notes.append(f"int8 changes them by {100 * comparison.int8_difference:.2g}%.")
    if any(comparison.ranks):
        notes.append(f"truncated: fc layers of ranks {', '.join(str(rank or 'full') for rank in comparison.ranks)}.")
    if comparison.extrapolated:
        notes.append(f"* timed on {comparison.rcnn_windows:,} windows drawn at random, extrapolated to all.")
    notes.append("paper: the same network, a GPU of 2014.")
    return "\n".join(notes)


def as_data(comparison: Comparison) -> dict[str, Any]:
    """Everything in the table, for JSON."""
    methods = {}
    for name, stages in {**comparison.methods, "R-CNN": comparison.rcnn}.items():
        conv_and_pool, total = comparison.speed_ups(stages)
        methods[name] = {
            "seconds": {**asdict(stages), "total": stages.total},
            "speed_up": {"conv_and_pool": conv_and_pool, "total": total, "paper_total": PAPER_SPEED_UPS.get(name)},
        }
    return {
        "windows": comparison.windows,
        "feature_length": comparison.feature_length,
        "rcnn_windows_timed": comparison.rcnn_windows,
        "rcnn_extrapolated": comparison.extrapolated,
        "rcnn_batch": comparison.rcnn_batch,
        "windows_equal_to_reference": comparison.checked_windows,
        "distinct_windows": comparison.distinct,
        "conv_products": comparison.products,
        "conv_products_bound": {name: comparison.less_work(name) for name in (ONE, FIVE)},
        # were everything but the fully connected layers free
        "fc_bound": {name: comparison.rcnn.total / stages.fc for name, stages in comparison.methods.items()},
        "bfloat16_difference": comparison.bfloat16_difference,
        "int8_difference": comparison.int8_difference,
        "ranks": comparison.ranks,
        "methods": methods,
    }


def _short(name: str) -> str:
    """A method's name, under the one it is a variant of."""
    for way, called in FEWER.items():
        if name.endswith(way):
            return f"  {called}"
    return "  equal once" if name.endswith(ONCE) else name


def _times(stages: Stages) -> list[str]:
    return [
        _seconds(each) for each in (stages.windows, stages.prepare, stages.conv, stages.pool, stages.fc, stages.total)
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 10 else f"{seconds:.3f}"
