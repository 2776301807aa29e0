"""Who is timed: each gets a photo's file and gives its boxes."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn
from typing_extensions import override

from spp_ops.benchmarks.detect.setting import WIDE, random_detector
from spp_ops.datasets.image import load_image
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.proposals import ProposalConfig

Finder = Callable[[Path], Any]  # a photo's file -> its boxes, in whatever form


class Contestant(ABC):
    """A detector made ready once and then called photo by photo. The first line of a class's docstring says what it is.

    Attributes:
        name: short, for tables and ``--contestants``.
        packages: what must be importable.
    """

    name: str
    packages: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What is called, and how."""
        return (self.__doc__ or "").splitlines()[0].rstrip(".")

    def missing(self) -> str | None:
        """Say why it can't run here, if it can't."""
        absent = [package for package in self.packages if importlib.util.find_spec(package) is None]
        return f"not installed: {', '.join(absent)}" if absent else None

    @abstractmethod
    def ready(self, detector: SPPDetector) -> Finder:
        """Make it ready.

        Args:
            detector: ours, with learned proposals; peers look at its number of classes alone.

        Raises:
            ValueError, ImportError: it can't take part after all.
        """


class Ours(Contestant):
    """Our detector with learned proposals, in float32."""

    name = "ours"

    @override
    def ready(self, detector: SPPDetector) -> Finder:
        return detector.detect


class OursBfloat16(Contestant):
    """The same with products in bfloat16 (`--precision bfloat16`): convolutions and head."""

    name = "ours-bfloat16"

    @override
    def ready(self, detector: SPPDetector) -> Finder:
        return detector.changed(precision="bfloat16").detect


class OursWithProposals(Contestant):
    """The same detector on the windows of another method."""

    def __init__(self, name: str, method: Any, about: str) -> None:
        self.name = name
        self._method = method
        self._about = about

    @property
    @override
    def about(self) -> str:
        return self._about

    @override
    def ready(self, detector: SPPDetector) -> Finder:
        return detector.changed(proposals=ProposalConfig(self._method)).detect


class OursExported(Contestant):
    """The same exported to OpenVINO, one graph from pixels to boxes, in float32."""

    name = "ours-openvino"
    packages = ("openvino", "onnx", "onnxscript")

    @override
    def ready(self, detector: SPPDetector) -> Finder:
        from spp_ops.detection.export import export_detector, load_exported

        with TemporaryDirectory() as folder:
            export_detector(detector, Path(folder) / "detector.xml", "openvino")
            exported = load_exported(Path(folder) / "detector.xml", threads=torch.get_num_threads())
        if exported.takes_windows:
            raise ValueError("the exported graph takes windows and proposes none")
        return exported


class OursWide(Contestant):
    """Ours with two hidden layers of 4,096 below the scores, random weights."""

    name = "ours-wide"

    @override
    def ready(self, detector: SPPDetector) -> Finder:
        return random_detector(0, WIDE).detect


class OursCompressed(Contestant):
    """The same with these layers compressed: ranks 1,024 and 256, 8 bits."""

    name = "ours-wide-compressed"
    ranks = (1024, 256)

    @override
    def ready(self, detector: SPPDetector) -> Finder:
        config = replace(random_detector(0, WIDE).config, ranks=self.ranks, precision="int8")
        return SPPDetector(config, config.build()).detect


class TorchvisionDetector(Contestant):
    """A detector of torchvision's with random weights, on channels-last maps."""

    def __init__(self, name: str, model: str) -> None:
        self.name = name
        self._model = model

    @property
    @override
    def about(self) -> str:
        return f"torchvision's {self._model}, channels-last, random weights"

    @override
    def ready(self, detector: SPPDetector) -> Finder:
        from torchvision.models import detection

        net: nn.Module = getattr(detection, self._model)(
            weights=None, weights_backbone=None, num_classes=1 + len(detector.classes)
        )
        net.eval().to(memory_format=torch.channels_last)

        @torch.inference_mode()
        def find(photo: Path) -> Any:
            pixels = torch.from_numpy(load_image(photo)).permute(2, 0, 1).float() / 255
            return net([pixels])

        return find


class Yolo(Contestant):
    """Ultralytics' YOLO11n at its 640 pixels, random weights."""

    name = "yolo11n"
    packages = ("ultralytics",)

    @override
    def ready(self, detector: SPPDetector) -> Finder:
        from ultralytics import YOLO  # type: ignore[import-not-found]

        net = YOLO("yolo11n.yaml", verbose=False)
        return lambda photo: net.predict(str(photo), verbose=False, device="cpu")


CONTESTANTS: dict[str, Contestant] = {
    each.name: each
    for each in (
        Ours(),
        OursBfloat16(),
        OursExported(),
        OursWide(),
        OursCompressed(),
        OursWithProposals(
            "ours-selective-search",
            "selective-search-fast",
            "The same detector on 2,000 windows of selective search, ours",
        ),
        OursWithProposals(
            "ours-opencv-selective-search",
            "opencv-selective-search-fast",
            "The same detector on 2,000 windows of selective search, OpenCV's",
        ),
        TorchvisionDetector("fasterrcnn-mobilenet", "fasterrcnn_mobilenet_v3_large_320_fpn"),
        TorchvisionDetector("ssdlite-mobilenet", "ssdlite320_mobilenet_v3_large"),
        Yolo(),
    )
}
