"""Images of colored rectangles, their boxes, and windows to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.voc import read_voc_detection
from spp_ops.datasets.formats.voc_xml import write_annotation, write_list
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.proposals import ProposalConfig

COLORS = {"blue": (40, 60, 230), "red": (230, 50, 40)}
WINDOWS = "windows.npz"  # proposals for all images


def write_scenes(folder: Path, images: dict[str, int], seed: int = 0) -> Path:
    """Pascal VOC's layout, and WINDOWS: loose and tight windows of the objects, and windows anywhere."""
    random = np.random.default_rng(seed)
    windows = {}
    for split, count in images.items():
        names = [f"{split}_{number:02}" for number in range(count)]
        for name in names:
            width, height = (int(side) for side in random.integers(70, 100, 2))
            pixels, boxes, classes = _scene(width, height, random)
            path = folder / "JPEGImages" / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
            annotation = folder / "Annotations" / f"{name}.xml"
            write_annotation(annotation, path.name, (width, height), boxes, classes)
            windows[name] = _windows(boxes, width, height, random)
        write_list(folder / "ImageSets" / "Main" / f"{split}.txt", names)
    np.savez(folder / WINDOWS, **windows)
    return folder


def read_scenes(folder: Path, split: str = "trainval") -> DetectionImages:
    return read_voc_detection(folder, split, classes=list(COLORS))


def scene_detector(folder: Path) -> DetectorConfig:
    """A detector of them that looks at WINDOWS."""
    proposals = ProposalConfig(method="file", file=str(folder / WINDOWS))
    return DetectorConfig(
        tuple(COLORS), "small5", (2, 1), (16,), scales=(96,), target_area=48.0**2, proposals=proposals
    )


def _scene(
    width: int, height: int, random: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], list[str]]:
    pixels = random.integers(90, 160, (height, width, 3), dtype=np.uint8)
    boxes, classes = [], []
    for half in (0, width // 2):  # one object in each half of the image
        name = str(random.choice(list(COLORS)))
        extent = random.integers(18, [width // 2 - 4, 40])
        low = np.array([half, 0]) + random.integers(0, [width // 2 - extent[0], height - extent[1]])
        high = low + extent - 1
        pixels[low[1] : high[1] + 1, low[0] : high[0] + 1] = COLORS[name]
        boxes.append([*low, *high])
        classes.append(name)
    return pixels, np.array(boxes, np.float32), classes


def _windows(
    boxes: npt.NDArray[np.float32], width: int, height: int, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    near = np.repeat(boxes, 12, axis=0) + random.integers(-6, 7, (12 * len(boxes), 4))
    low = random.integers(0, [width - 30, height - 30], (60, 2))
    anywhere = np.concatenate([low, low + random.integers(10, 30, (60, 2))], axis=1)
    windows = np.concatenate([near, anywhere])
    return np.clip(windows, 0, [width - 1, height - 1, width - 1, height - 1]).astype(np.float32)
