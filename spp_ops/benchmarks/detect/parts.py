"""Where the seconds of a photo go, from its file to boxes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from spp_ops.datasets.image import load_image
from spp_ops.detection.detectors.head import InferenceHead
from spp_ops.detection.detectors.inputs import prepare
from spp_ops.detection.detectors.postprocess import postprocess
from spp_ops.detection.detectors.spp import SPPDetector

PARTS = ("decode", "proposals", "resize", "convolutions", "pooling", "head", "the rest")


def part_seconds(detector: SPPDetector, photos: Sequence[Path], repeats: int) -> dict[str, float]:
    """Median seconds of each part of `detect`, over all photos, after a warm-up.

    Args:
        detector: on the CPU.
        photos: files.
        repeats: how often each.

    Returns:
        For each of `PARTS`: "pooling" is with finding windows that fall on equal cells, "the rest" correcting boxes and
        non-maximum suppression.
    """
    head = InferenceHead(detector.net.head, detector.config.precision)
    rounds = [_seconds(detector, head, photo) for _ in range(repeats + 1) for photo in photos]
    return {part: median(seconds.get(part, 0.0) for seconds in rounds[len(photos) :]) for part in PARTS}


@torch.inference_mode()
def _seconds(detector: SPPDetector, head: InferenceHead, photo: Path) -> dict[str, float]:
    """Do what `SPPDetector.detect` does, step by step."""
    clock, features = _Clock(), detector.inference_features()
    with clock.part("decode"):
        pixels = load_image(photo)
    windows = None
    if detector.proposals.method != "learned":
        with clock.part("proposals"):
            windows = prepare(pixels, None, detector.proposals).windows
    with clock.part("resize"):
        resized = features.resized(pixels)
    with clock.part("convolutions"):
        maps = features.maps(resized, windows)
    if windows is None:
        with clock.part("proposals"):
            windows, _ = detector.propose(pixels, maps)

    def timed_head(rows: Tensor) -> tuple[Tensor, ...]:
        with clock.part("head"):
            return head(rows)

    with clock.part("pooling"):
        scores, *rest = features.score(maps.to(head.dtype), windows, timed_head, detector.chunk)
    with clock.part("the rest"):
        size = pixels.shape[0], pixels.shape[1]
        postprocess(windows, scores, rest[0] if rest else None, size, detector.config)
    return clock.seconds


class _Clock:
    """Adds up seconds by part; those of a part within another one count for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        before, self._inner = self._inner, 0.0
        begun = time.perf_counter()
        yield
        spent = time.perf_counter() - begun
        self.seconds[name] = self.seconds.get(name, 0.0) + spent - self._inner
        self._inner = before + spent
