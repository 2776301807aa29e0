"""The detector of digits that comes with the package, tried on images that it has not seen.

`benchmarks/detection/train_digits.py` makes it from nothing but the generated set of `spp_ops.demo.digits`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from spp_ops.benchmarks.detect.parts import part_seconds
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.voc import read_voc_detection
from spp_ops.datasets.image import load_image
from spp_ops.demo.digits import write_digit_voc
from spp_ops.detection.detections import Detections
from spp_ops.detection.detectors.checkpoint import WEIGHTS_NAME
from spp_ops.detection.detectors.spp import SPPDetector
from spp_ops.detection.evaluation.evaluate import DetectionEvaluation, evaluate_detections
from spp_ops.detection.pretrained import packaged_folder

if TYPE_CHECKING:
    from spp_ops.demo.gallery import Shown

FOLDER = packaged_folder("digits")
CLASSES = tuple("0123456789")
IMAGES = {"train": 450, "test": 60}  # by which digits and photos are dealt out
TRAINING_IMAGES = 1800  # drawn of the digits and photos of training: each digit in many places
SEED = 0  # of the images
SHOWN_IMAGES = 8


def digit_detector() -> SPPDetector:
    """Load the detector, onto the CPU."""
    return SPPDetector.load(FOLDER)


def digit_images(folder: str | os.PathLike[str], split: str) -> DetectionImages:
    """Write a split of the detector's own set and read it.

    Args:
        folder: made if need be.
        split: "train", or "test": images that share no digit and no part of a photo with those of training.
    """
    count = TRAINING_IMAGES if split == "train" else None
    root = write_digit_voc(folder, images=IMAGES, only=split, count=count, seed=SEED)
    return read_voc_detection(root, split, classes=CLASSES)


@dataclass(frozen=True)
class DigitTest:
    """What the detector finds.

    Attributes:
        images: the images, whose files may be gone.
        found: in each of them.
        evaluation: how good that is.
        shown: the first few, to be looked at.
        seconds: that an image took, windows included.
        parts: seconds of each part of that work, medians over some images; none on other devices than CPUs.
    """

    images: DetectionImages
    found: Sequence[Detections]
    evaluation: DetectionEvaluation
    shown: Sequence[Shown]
    seconds: float
    parts: Mapping[str, float]

    @staticmethod
    def run(folder: str | os.PathLike[str], device: torch.device, count: int = IMAGES["test"]) -> DigitTest:
        """Write the test images to a folder and find the digits in the first ones, `count` of them."""
        from spp_ops.demo.gallery import Shown

        images = digit_images(folder, "test")
        images = images.subset(range(min(count, len(images))))
        detector = digit_detector().to(device)
        begun = time.perf_counter()
        found = detector.detect_batch(images.paths)
        seconds = (time.perf_counter() - begun) / len(images)
        rows = zip(images.paths[:SHOWN_IMAGES], images.objects, found, strict=False)
        shown = [Shown(load_image(path), objects, detections) for path, objects, detections in rows]
        parts = part_seconds(detector, images.paths[:SHOWN_IMAGES], 1) if device.type == "cpu" else {}
        return DigitTest(images, found, evaluate_detections(images, found), shown, seconds, parts)

    def table(self) -> Table:
        """Average precisions."""
        objects = sum(map(len, self.images.objects))
        title = f"\nA detector trained from scratch, tested on {len(self.images)} held-out images"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
        table.add_column("handwritten digits", no_wrap=True)
        for column in (
            "objects",
            "mAP at IoU 0.5\n11-point",
            "COCO AP\n0.5 to 0.95",
            "weights\nMB",
            "seconds\na image",
        ):
            table.add_column(column, justify="right")
        means = (100 * self.evaluation.eleven_point, 100 * self.evaluation.coco.ap)
        percents = [f"{mean:.1f} %" for mean in means]
        table.add_row("SPP-net, small5", str(objects), *percents, f"{weights_bytes() / 1e6:.2f}", f"{self.seconds:.3f}")
        return table

    def parts_table(self) -> Table:
        """Where the seconds of an image go."""
        table = Table(title="\nms an image, by part", title_justify="left", box=SIMPLE_HEAD, padding=0)
        for name in self.parts:
            table.add_column(name, justify="right")
        table.add_row(*(f"{1000 * seconds:.1f}" for seconds in self.parts.values()))
        return table

    def as_data(self) -> dict[str, Any]:
        """All figures, for JSON."""
        seconds = {"seconds_an_image": self.seconds, "seconds_by_part": dict(self.parts)}
        return {**self.evaluation.as_data(), **seconds, "weights_bytes": weights_bytes()}

    def save_image(self, path: str | os.PathLike[str]) -> None:
        """Draw the first images with what is found in them; the format follows the path's ending."""
        means = f"mAP {100 * self.evaluation.eleven_point:.1f} %, COCO AP {100 * self.evaluation.coco.ap:.1f} %"
        subtitle = (
            f"The first {len(self.shown)} of {len(self.images)} held-out images ({means}), found by a network of "
            f"{weights_bytes() / 1e6:.1f} MB that learnt from generated images alone"
        )
        from spp_ops.demo.gallery import save_gallery

        save_gallery(path, self.shown, "Handwritten digits on photos", subtitle)


def weights_bytes() -> int:
    """Size of the file of the detector's weights."""
    return (FOLDER / WEIGHTS_NAME).stat().st_size
