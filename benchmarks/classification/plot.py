"""Draw the errors that heads.py wrote: docs/images/classification_heads.png.

python -m benchmarks.classification.plot
"""

from __future__ import annotations

import json
from pathlib import Path

from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
COLORS = {"pyramid {6,3,2,1}": "#e07b39", "plain 6 x 6": "#3b6ea8", "global max": "#6a9e5b"}


def main() -> None:
    """Draw every seed, and the means."""
    results = json.loads((ROOT / "benchmarks" / "results" / "classification" / "heads.json").read_text())
    errors = results["errors"]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, training in zip(panels, ("single-size", "multi-size"), strict=True):
        for shift, (pool, color) in enumerate(COLORS.items()):
            for place, values in enumerate(errors[pool][training].values()):
                x = place + (shift - 1) * 0.25
                axes.plot([x] * len(values["values"]), values["values"], "o", color=color, ms=3.5, alpha=0.5)
                axes.plot([x - 0.1, x + 0.1], [values["mean"]] * 2, color=color, lw=2.5, label=None if place else pool)
        ways = list(errors["global max"][training])
        axes.set_xticks(range(len(ways)), ways)
        axes.set_title(f"trained {training}", loc="left", fontsize=10)
        axes.set_xlabel("views")
        axes.grid(axis="y", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("top-1 error in %")
    panels[0].set_ylim(0, 14)
    panels[1].legend(frameon=False, fontsize=8)
    figure.savefig(ROOT / "docs" / "images" / "classification_heads.png", dpi=110)


if __name__ == "__main__":
    main()
