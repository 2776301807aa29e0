"""Results as a table beside the paper's, and as JSON."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.evaluation import TOP_K, Evaluation
from spp_ops.classification.paper import DATA_NOTE, method_of, rows_for
from spp_ops.classification.scoring import Source
from spp_ops.classification.views import Views
from spp_ops.engine.config import as_data
from spp_ops.engine.text import literal


def evaluation_table(evaluation: Evaluation, run: Checkpoint, views: Views, data: str) -> Table:
    """Return the errors, with the paper's of the same setting below them."""
    table = Table(title=f"error in %, {views.name} ({len(views)} view{'s' if len(views) > 1 else ''})")
    for name in ("network", "method"):
        table.add_column(name)
    for name in ("top-1", "top-5"):
        table.add_column(name, justify="right")
    table.add_column("data")
    top5 = evaluation.error(TOP_K) if len(evaluation.classes) > TOP_K else None
    ours = f"{data}: {len(evaluation.labels)} images, {len(evaluation.classes)} classes"
    method = method_of(run.network, run.training)
    errors = _percent(evaluation.error()), _percent(top5)
    table.add_row(literal(run.network.arch, "bold"), method, *errors, literal(ours))
    for row in rows_for(run.network, run.training, views):
        table.add_row(row.arch, row.method, _percent(row.top1), _percent(row.top5), f"paper: {DATA_NOTE}", style="dim")
    return table


def class_table(evaluation: Evaluation) -> Table:
    """Return the accuracy of each class."""
    table = Table("class", title="accuracy of each class in %")
    table.add_column("accuracy", justify="right")
    for name, accuracy in evaluation.class_accuracies().items():
        table.add_row(literal(name), _percent(accuracy))
    return table


def evaluation_data(
    evaluation: Evaluation, run: Checkpoint, views: Views, source: Source, seconds_an_image: float
) -> dict[str, Any]:
    """Return the figures with what they were measured with, for JSON."""
    return {
        "network": as_data(run.network),
        "training": as_data(run.training),
        "epochs_done": len(run.history),
        "views": {"name": views.name, "window": views.window, "count": len(views), "source": source},
        **evaluation.as_data(),
        "seconds_an_image": seconds_an_image,
        "paper": [
            {"arch": row.arch, "method": row.method, "top1_error_percent": row.top1, "top5_error_percent": row.top5}
            for row in rows_for(run.network, run.training, views)
        ],
    }


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
