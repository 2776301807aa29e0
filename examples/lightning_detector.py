"""A detector in a Lightning loop: `python examples/lightning_detector.py DATA --epochs 12 --out RUN`.

DATA is what `spp-ops train-detector` reads. It needs `pip install lightning`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import lightning
import torch
from photos import Batch, Photos
from torch import Tensor
from torch.utils.data import DataLoader

from spp_ops.detection import Detections, DetectorConfig, SPPDetector, WindowSampling, evaluate_detections


class Learner(lightning.LightningModule):
    """Trains a detector; average precision after each epoch."""

    def __init__(self, detector: SPPDetector, tested: Photos, lr: float) -> None:
        super().__init__()
        self.detector = detector
        self.lr = lr
        self._tested = tested
        self._found: list[Detections] = []

    def training_step(self, batch: Batch) -> Tensor:
        """Return the sum of the losses."""
        losses: Mapping[str, Tensor] = self.detector(*batch)
        self.log_dict(dict(losses), prog_bar=True, batch_size=len(batch[0]))
        return torch.stack(list(losses.values())).sum()

    def validation_step(self, batch: Batch) -> None:
        """Keep what is found."""
        images, windows, _ = batch
        self._found += [self.detector.detect(*each) for each in zip(images, windows, strict=True)]

    def on_validation_epoch_end(self) -> None:
        """Log the mean average precision of all photos together."""
        if len(self._found) == len(self._tested):  # Lightning tries a batch or two before it begins
            self.log("map", evaluate_detections(self._tested.images, self._found).eleven_point, prog_bar=True)
        self._found.clear()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW on all weights."""
        return torch.optim.AdamW(self.detector.parameters(), self.lr, weight_decay=5e-4)


def main(arguments: list[str] | None = None) -> Learner:
    """Train, and write the detector where `spp-ops detect --weights` finds it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--arch", default="small5")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)

    lightning.seed_everything(0)
    train, test = (Photos(options.data, split, options.workers) for split in ("train", "val"))
    config = DetectorConfig(train.images.classes, options.arch, (3, 2, 1), (256,), scales=(96, 128))
    sampling = WindowSampling(windows_per_image=128, hard_share=0.5)
    detector = SPPDetector(config, config.build(), sampling=sampling).train()  # Lightning leaves modes as they are
    learner = Learner(detector, test, options.lr)
    trainer = lightning.Trainer(max_epochs=options.epochs, default_root_dir=options.out, gradient_clip_val=10.0)
    loaders = (DataLoader(each, 2, shuffle=each is train, collate_fn=Photos.collate) for each in (train, test))
    trainer.fit(learner, *loaders)
    detector.save(options.out)
    return learner


if __name__ == "__main__":
    main()
