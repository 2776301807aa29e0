"""Detectors small enough to be made and run within a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spp_ops.datasets.image import Pixels
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.spp import SPPDetector

CLASSES = ("cat", "dog", "owl")


def small_detector(seed: int = 0, **changes: Any) -> SPPDetector:
    """An untrained detector whose scores differ from window to window."""
    settings: dict[str, Any] = {
        "classes": CLASSES,
        "arch": "small5",
        "levels": (2, 1),
        "hidden": (8,),
        "scales": (96, 64),
        "target_area": 48.0**2,
        "score_threshold": 0.3,
    }
    torch.manual_seed(seed)
    config = DetectorConfig(**{**settings, **changes})
    net = config.build()
    net.head.row_scale.fill_(0.5)
    for layer in (net.head.score, net.head.box):
        if layer is not None:
            torch.nn.init.normal_(layer.weight, std=0.3)
    return SPPDetector(config, net)


def photo(height: int = 60, width: int = 80, seed: int = 1) -> Pixels:
    """Bright and dark rectangles on noise."""
    random = np.random.default_rng(seed)
    pixels = random.integers(90, 160, (height, width, 3), dtype=np.uint8)
    for _ in range(6):
        y, x = random.integers(0, height), random.integers(0, width)
        pixels[y : y + height // 3, x : x + width // 4] = random.integers(0, 256, 3)
    return pixels


def windows_of(height: int = 60, width: int = 80, count: int = 200, seed: int = 2) -> torch.Tensor:
    """Windows in an image of this size, many of them alike to within a pixel or two."""
    random = np.random.default_rng(seed)
    low = random.integers(0, [width - 8, height - 8], (count, 2))
    extent = random.integers(6, [width // 2, height // 2], (count, 2))
    high = np.minimum(low + extent, [width - 1, height - 1])
    return torch.from_numpy(np.concatenate([low, high], axis=1)).float()
