"""An image under study: its windows, its feature maps, what is found in it. All that the page asks about."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import torch

from spp_ops.datasets.image import Pixels
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.inputs import Prepared, prepare
from spp_ops.detection.detectors.postprocess import select
from spp_ops.detection.detectors.rcnn import RCNNDetector
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.features.regions import ProjectionRule, ScaledMaps
from spp_ops.projection import Projection
from spp_ops.serve.limits import Refusal

RULES: tuple[ProjectionRule, ...] = get_args(ProjectionRule)
_RCNN_WINDOWS = 16  # measured of R-CNN's; the rest is scaled
_RUNS = 3


class Study:
    """What a detector makes of one image.

    Attributes:
        detector: that looks at it.
        pixels: of the image.
        windows: float32 [R, 4] x1, y1, x2, y2 in pixels, last pixels included.
        maps: one an image scale.
        image_scales: (x, y) of each.
        features: for each rule what pools by it.
        found: objects, at the detector's own threshold.
        seconds: that the parts took.
    """

    @torch.inference_mode()
    def __init__(self, detector: SPPDetector, pixels: Pixels) -> None:
        self.detector = detector
        begun = time.perf_counter()
        self.pixels, windows = prepare(pixels, None, detector.proposals)
        proposed = time.perf_counter()
        resized = detector.features.resized(pixels)
        scaled = detector.features.maps(resized)
        convolved = time.perf_counter()
        self.windows = detector.propose(pixels, scaled)[0].cpu() if windows is None else windows
        self.found = self._find(scaled)
        self.seconds = {
            "windows": proposed - begun,
            "maps": convolved - proposed,
            "head": time.perf_counter() - convolved,
        }
        self.maps = [each.float() for each in scaled.maps]
        self.image_scales = [scale for _, scale in resized]
        self.features = {rule: detector.changed(projection=rule).features for rule in RULES}
        self._times: Times | None = None

    def _find(self, scaled: ScaledMaps) -> Detections:
        if len(self.windows) == 0:
            return Detections.none(self.detector.classes)
        return select(self.detector.candidates(self.pixels, self.windows, scaled), self.detector.config)

    def projections(self, rule: ProjectionRule) -> list[Projection]:
        """How a box falls on each map."""
        return [self.features[rule].project(scale) for scale in self.image_scales]

    @property
    def channels(self) -> int:
        """Of each map."""
        return self.maps[0].shape[1]

    def strongest_channel(self) -> int:
        """The channel that tells most places of the largest map apart."""
        largest = max(self.maps, key=lambda each: each[0, 0].numel())
        return int(largest[0].flatten(1).std(dim=1).argmax())

    def times(self) -> Times:
        """Measure SPP-net and R-CNN on this image; kept, as it takes a while."""
        if self._times is None:
            self._times = measure(self)
        return self._times

    def as_data(self) -> dict[str, Any]:
        """What the page needs before it asks anything."""
        height, width, _ = self.pixels.shape
        return {
            "width": width,
            "height": height,
            "windows": self.windows.round().int().tolist(),
            "detections": self.found.as_data(),
            "maps": [{"width": each.shape[3], "height": each.shape[2]} for each in self.maps],
            "channels": self.channels,
            "channel": self.strongest_channel(),
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Times:
    """Seconds for the scores of all windows of an image, once the windows are known.

    Attributes:
        windows: how many there are.
        measured: how many of them R-CNN was timed on; its time for all is scaled from these.
        scales: images that SPP-net's convolutions run on.
        maps: SPP-net's convolutions, at all scales.
        head: SPP-net's pooling and fully connected layers.
        rcnn: R-CNN, scaled to all windows.
    """

    windows: int
    measured: int
    scales: int
    maps: float
    head: float
    rcnn: float


def measure(study: Study) -> Times:
    """Time both ways from windows to objects on the same network: the best of a few runs each, after a warm-up."""
    detector, count = study.detector, len(study.windows)
    if count == 0:
        raise Refusal(422, "image: expected windows to measure on, found none in it")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    windows = study.windows[order[:_RCNN_WINDOWS]]
    some = Prepared(study.pixels, windows)
    rcnn = RCNNDetector(detector.config, detector.net, batch=_RCNN_WINDOWS)

    maps = detector.maps(study.pixels, study.windows)
    seconds = _shortest(
        lambda: detector.maps(study.pixels, study.windows),
        lambda: select(detector.candidates(study.pixels, study.windows, maps), detector.config),
        lambda: rcnn.find(some),
    )
    return Times(count, len(windows), len(maps.maps), seconds[0], seconds[1], seconds[2] / len(windows) * count)


def _shortest(*works: Callable[[], object]) -> list[float]:
    """Seconds of each, taking turns so that what else the machine does meets all of them."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(_RUNS + 1):
        for taken, work in zip(times, works, strict=True):
            begun = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begun)
    return [min(taken[1:]) for taken in times]


class Studies:
    """The last few images, by names that nobody guesses.

    Args:
        kept: how many.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._studies: OrderedDict[str, Study] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, study: Study) -> str:
        """Keep a study, and return its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._studies[name] = study
            while len(self._studies) > self._kept:
                self._studies.popitem(last=False)
        return name

    def get(self, name: str) -> Study:
        """Return a study that is kept.

        Raises:
            Refusal: it is not.
        """
        with self._lock:
            if name not in self._studies:
                raise Refusal(404, "image: not in memory (any more): load it again")
            self._studies.move_to_end(name)
            return self._studies[name]
