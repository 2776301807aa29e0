"""A detector in an Accelerate loop: `accelerate launch examples/accelerate_detector.py DATA --epochs 12 --out RUN`.

DATA is what `spp-ops train-detector` reads. It needs `pip install accelerate`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from photos import Photos
from torch.utils.data import DataLoader

from spp_ops.detection import DetectorConfig, SPPDetector, WindowSampling, evaluate_detections


def main(arguments: list[str] | None = None) -> tuple[SPPDetector, list[float]]:
    """Train, print average precision, and write the detector where `spp-ops detect --weights` finds it.

    Returns:
        The detector, and the mean loss of each epoch.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--arch", default="small5")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)

    set_seed(0)
    train, test = (Photos(options.data, split, options.workers) for split in ("train", "val"))
    config = DetectorConfig(train.images.classes, options.arch, (3, 2, 1), (256,), scales=(96, 128))
    sampling = WindowSampling(windows_per_image=128, hard_share=0.5)
    detector = SPPDetector(config, config.build(), sampling=sampling)
    optimizer = torch.optim.AdamW(detector.parameters(), options.lr, weight_decay=5e-4)
    loader = DataLoader(train, 2, shuffle=True, collate_fn=Photos.collate)

    accelerator = Accelerator()
    model, optimizer, loader = accelerator.prepare(detector, optimizer, loader)
    history = []
    for epoch in range(options.epochs):
        model.train()
        totals = []
        for images, windows, targets in loader:
            losses = model(images, windows, targets)
            total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad()
            accelerator.backward(total)
            accelerator.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            totals.append(accelerator.gather(total.detach()).mean())
        history.append(float(torch.stack(totals).mean()))
        accelerator.print(f"epoch {epoch + 1}: loss {history[-1]:.3f}")

    trained = accelerator.unwrap_model(model).eval()
    if accelerator.is_main_process:
        found = [trained.detect(image, windows) for image, windows, _ in test]
        print(f"mean average precision {100 * evaluate_detections(test.images, found).eleven_point:.1f} %")
        trained.save(options.out)
    return trained, history


if __name__ == "__main__":
    main()
