"""Times the fully connected layers on rows that were pooled: as they are, and made cheaper."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from spp_ops.benchmarks.rcnn.results import BFLOAT16, INT8, TRUNCATED
from spp_ops.benchmarks.rcnn.settings import Settings
from spp_ops.benchmarks.rcnn.stopwatch import Stopwatch
from spp_ops.detection.features.linear import computes_bfloat16, dense
from spp_ops.detection.features.low_rank import LowRankLinear, is_smaller

REPEATS = 2  # after a warm-up; a run takes a second or two, and there are many
_COMPARED_ROWS = 200


class FullyConnected:
    """The layers up to the one at which features are taken.

    Attributes:
        ways: names of `results.FEWER` that the device offers.
        ranks: of the layers where they are truncated; None for one that would not get smaller.

    Args:
        layers: of the network.
        rows: [R, C*M], pooled.
        settings: say which layers, and their ranks.
        progress: called after each measurement with its name.
    """

    def __init__(
        self, layers: nn.Sequential, rows: Tensor, settings: Settings, progress: Callable[[str], None]
    ) -> None:
        self._rows = rows
        self._settings = settings
        self._progress = progress
        smaller, self.ranks = truncated(layers, settings.ranks)
        self._heads = {"": dense(layers), TRUNCATED: dense(smaller)}
        if computes_bfloat16(rows.device):
            self._heads[BFLOAT16] = dense(layers, "bfloat16")
        if rows.device.type == "cpu":
            self._heads |= {INT8: dense(layers, "int8"), TRUNCATED + INT8: dense(smaller, "int8")}
        self.ways = tuple(way for way in self._heads if way)

    def seconds(self, count: int, way: str = "") -> float:
        """Time them on that many rows."""
        watch = Stopwatch(self._rows.device)
        for _ in range(min(self._settings.repeats, REPEATS) + 1):
            with watch.stage("fc"):
                self._heads[way](self._rows[:count])
        self._progress(f"fully connected layers up to {self._settings.layer}{way}")
        return watch.median("fc")

    def difference(self, way: str) -> float | None:
        """Root mean square of what rounding changes in the features, relative to theirs; None where it is not done."""
        if way not in self._heads:
            return None
        rows = self._rows[:_COMPARED_ROWS]
        exact = self._heads[""](rows)
        return float((self._heads[way](rows) - exact).norm() / exact.norm())


def truncated(layers: nn.Sequential, ranks: tuple[int, ...]) -> tuple[nn.Sequential, tuple[int | None, ...]]:
    """The layers, the first ones as two of such ranks where these are smaller; weights are random: only time counts."""
    parts: list[nn.Module] = []
    used: list[int | None] = []
    wanted = list(ranks)
    for layer in layers:
        if isinstance(layer, nn.Linear) and wanted:
            rank, sizes = wanted.pop(0), (layer.in_features, layer.out_features)
            smaller = rank <= min(sizes) and is_smaller(*sizes, rank)
            used.append(rank if smaller else None)
            parts.append(LowRankLinear(*sizes, rank).to(layer.weight.device) if smaller else layer)
        else:
            parts.append(layer)
    return nn.Sequential(*parts), tuple(used)


def runs(device_computes_bfloat16: bool, on_cpu: bool) -> int:
    """How often `FullyConnected.seconds` is asked for: all windows once, distinct ones of both methods in every way."""
    return 1 + 2 * (2 + device_computes_bfloat16 + 2 * on_cpu)
