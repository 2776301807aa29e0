"""ZF-5 from random weights on ants and bees: does the loss fall, and how many images a second go through training.

python -m benchmarks.classification.scratch [--epochs 4] [--device cuda]
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
import torch
from rich.console import Console

from benchmarks.classification.rows import images
from spp_ops.classification import Job, NetworkConfig, TrainingConfig, train
from spp_ops.cli._options import device_option
from spp_ops.engine.config import as_data
from spp_ops.engine.display import ConsoleProgress
from spp_ops.engine.files import write_json
from spp_ops.engine.machine import describe_machine

RESULTS = Path(__file__).parents[1] / "results" / "classification" / "scratch.json"


@click.command()
@click.option("--epochs", type=click.IntRange(1), default=4, show_default=True)
@click.option("--size", type=click.IntRange(64), default=224, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option(
    "--lr", type=float, default=0.0001, show_default=True, help="The paper's 0.01 diverges at such small batches."
)
@device_option
def main(epochs: int, size: int, batch_size: int, lr: float, device: torch.device) -> None:
    """Train, print and write the results."""
    network = NetworkConfig("zf5")
    training = TrainingConfig(epochs=epochs, batch_size=batch_size, sizes=(size,), lr=lr, milestones=())
    begun, worked = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder))
        run = train(
            images("train"), None, network, training, job=job, device=device, progress=ConsoleProgress(Console())
        )
    count = epochs * len(images("train"))
    write_json(
        RESULTS,
        {
            "what": "ZF-5 from random weights on ants-bees/train, reading images included",
            "network": as_data(network),
            "training": as_data(training),
            "machine": describe_machine(device),
            "images_a_second": count / (time.perf_counter() - begun),
            "images_a_second_of_processor_time": count / (time.process_time() - worked),
            "history": run.history,
        },
    )


if __name__ == "__main__":
    main()
