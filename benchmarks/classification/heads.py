"""The pyramid against plainer pools, one training size against two, and the ways of testing: ants and bees.

    python -m benchmarks.classification.heads [--seeds 5]

Heads (one linear layer) on SqueezeNet's frozen ImageNet features, trained by the project's own loop. The learning
rate is chosen for each pool by cross-validation on the training images, so the test images decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

from benchmarks.classification.rows import NETWORK, SIZES, images, test_rows, training_rows
from spp_ops.classification.augmentation import POSITIONS
from spp_ops.classification.config import TrainingConfig
from spp_ops.classification.data import epoch_size
from spp_ops.classification.training import ClassifierTrainer
from spp_ops.classification.views import MULTI_VIEW_SCALES, ScaleViews, make_views
from spp_ops.engine.config import as_data
from spp_ops.engine.distributed import make_fabric
from spp_ops.engine.files import write_json
from spp_ops.engine.machine import describe_machine
from spp_ops.engine.seeds import Purpose, seed_of
from spp_ops.models.spp_net import fully_connected

RESULTS = Path(__file__).parents[1] / "results" / "classification" / "heads.json"
CHANNELS = 512
POOLS = {  # columns of a row of {6,3,2,1}
    "pyramid {6,3,2,1}": slice(None),
    "plain 6 x 6": slice(0, 36 * CHANNELS),
    "global max": slice(49 * CHANNELS, None),
}
TRAINING = TrainingConfig(epochs=20, batch_size=16, milestones=(10, 16), color_shift=0.0)
LEARNING_RATES = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6)  # small, as rows have a norm of about 20,000
FOLDS = 4
TRAINED = {"single-size": (224,), "multi-size": (224, 180)}


class CroppedRows:
    """Training data: each epoch a random one of the ten crops of each image, at the epoch's size."""

    def __init__(self, rows: Tensor, labels: Tensor, config: TrainingConfig) -> None:
        self._rows = rows
        self._labels = labels
        self._config = config

    def begin_epoch(self, epoch: int) -> None:
        """Draw the crops."""
        generator = torch.Generator().manual_seed(seed_of(self._config.seed, Purpose.BENCHMARK, epoch))
        count = len(self._rows)
        position = torch.randint(len(POSITIONS), (count,), generator=generator)
        flipped = torch.randint(2, (count,), generator=generator)
        size = SIZES.index(epoch_size(self._config, epoch))
        self._epoch = self._rows[torch.arange(count), size, position, flipped]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self._epoch[row], int(self._labels[row])


def train_head(rows: Tensor, labels: Tensor, config: TrainingConfig) -> nn.Module:
    """Train one linear layer."""
    torch.manual_seed(seed_of(config.seed, Purpose.BENCHMARK))
    head = fully_connected(rows.shape[-1], (), 2, 0.0)
    nn.init.zeros_(head[0].weight)  # a linear layer's optimum does not depend on its start
    trainer = ClassifierTrainer(head, CroppedRows(rows, labels, config), config, make_fabric(torch.device("cpu")))
    for _ in range(config.epochs):
        trainer.train_epoch()
    return head.eval()


@torch.inference_mode()
def probabilities(head: nn.Module, rows: Tensor) -> Tensor:
    """Return those of rows [N, V, D]: [N, V, 2]."""
    return torch.stack([head(views).softmax(dim=1) for views in rows])


def error(scores: Tensor, labels: Tensor) -> float:
    """Return the top-1 error in percent of probabilities [N, V, 2], averaged over the views."""
    return float(100 * (scores.mean(dim=1).argmax(dim=1) != labels).float().mean())


def choose(rows: Tensor, labels: Tensor) -> tuple[TrainingConfig, dict[str, float]]:
    """Choose the learning rate by cross-validation on the center crops; return all errors too."""
    fold = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)) % FOLDS)
    errors = {}
    for lr in LEARNING_RATES:
        parts = []
        for held_out in range(FOLDS):
            train, test = fold != held_out, fold == held_out
            head = train_head(rows[train], labels[train], replace(TRAINING, lr=lr))
            parts.append(error(probabilities(head, rows[test][:, 0, 0, :1]), labels[test]))
        errors[lr] = float(np.mean(parts))
    lr = min(errors, key=errors.__getitem__)
    return replace(TRAINING, lr=lr), {f"{each:g}": percent for each, percent in errors.items()}


def view_columns(scales: Sequence[ScaleViews]) -> dict[str, list[int]]:
    """Return which of the views at these scales, one after the other, belong to each way of testing."""
    starts = np.cumsum([0, *map(len, scales)])
    at_256 = int(starts[[scale.scale for scale in scales].index(256)])
    flipped = at_256 + 10  # nine windows and the whole image, then the same flipped
    whole = [at_256 + 9, flipped + 9]
    columns = {
        "crop": [at_256],
        "full": [whole[0]],
        "10": [*range(at_256, at_256 + 5), *range(flipped, flipped + 5)],
    }
    if len(scales) == len(MULTI_VIEW_SCALES):
        everything = range(int(starts[-1]))
        columns |= {"96": [column for column in everything if column not in whole], "96+2": list(everything)}
    return columns


def summary(values: Iterable[float]) -> dict[str, Any]:
    """Return mean, spread and all values."""
    errors = list(values)
    return {"mean": float(np.mean(errors)), "sd": float(np.std(errors, ddof=1)), "values": errors}


@click.command()
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--all-scales/--one-scale", default=True, help="All of the 96+2 views, or those at scale 256 only.")
def main(seeds: int, all_scales: bool) -> None:
    """Measure, print and write the results."""
    console = Console(width=120)
    labels = {split: torch.tensor(images(split).labels) for split in ("train", "val")}
    scales = [scale for scale in make_views("96+2").scales if all_scales or scale.scale == 256]
    all_train, all_test = training_rows(), [test_rows(scale) for scale in scales]
    columns = view_columns(scales)
    results: dict[str, Any] = {}
    table = Table("pool", "training", *columns, title="top-1 error in %, mean ± standard deviation over seeds")
    for pool, part in POOLS.items():
        rows = all_train[..., part].contiguous()
        config, searched = choose(rows, labels["train"])
        results[pool] = {"lr": config.lr, "cross_validation_errors_by_lr": searched}
        tests = torch.cat([rows_of_scale[..., part] for rows_of_scale in all_test], dim=1)
        for name, sizes in TRAINED.items():
            errors: dict[str, list[float]] = {views: [] for views in columns}
            for seed in track(range(seeds), f"{pool}, {name}", transient=True):
                head = train_head(rows, labels["train"], replace(config, sizes=sizes, seed=seed))
                scores = probabilities(head, tests)
                for views, chosen in columns.items():
                    errors[views].append(error(scores[:, chosen], labels["val"]))
            results[pool][name] = {views: summary(values) for views, values in errors.items()}
            cells = [f"{v['mean']:.2f} ± {v['sd']:.2f}" for v in results[pool][name].values()]
            table.add_row(pool, name, *cells)
            console.print(pool, name, *cells)
    console.print(table)
    write_json(
        RESULTS,
        {
            "what": "top-1 error in percent on ants-bees/val (153 images), heads on frozen SqueezeNet features",
            "network": as_data(NETWORK),
            "training": as_data(TRAINING),
            "seeds": seeds,
            "machine": describe_machine(torch.device("cpu")),
            "errors": results,
        },
    )


if __name__ == "__main__":
    main()
