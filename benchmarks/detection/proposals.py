"""How long selective search takes beside OpenCV's, and what share of the objects its windows cover.

python -m benchmarks.detection.proposals raccoon|boards [--images 60] [--threads 2]
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from benchmarks.data_root import find_data
from benchmarks.detection.common import RESULTS, machine_of
from spp_ops.datasets.formats.voc import read_voc_detection
from spp_ops.datasets.image import Pixels, load_image
from spp_ops.demo.main import sample_image
from spp_ops.detection.boxes import box_iou
from spp_ops.detection.proposals.boxes import Boxes, opencv
from spp_ops.detection.proposals.selective import selective_search
from spp_ops.engine.files import write_json

LIBRARIES = ("spp_ops", "opencv")
WINDOWS = (50, 100, 300, 1000)
IOUS = (0.5, 0.7)


def timed(image: Pixels) -> tuple[dict[str, float], dict[str, Boxes]]:
    """Seconds and windows of both libraries, one right after the other."""
    seconds, windows = {}, {}
    for library in LIBRARIES:
        begun = time.perf_counter()
        windows[library] = selective_search(image, limit=None, library=library)
        seconds[library] = time.perf_counter() - begun
    return seconds, windows


def recalls(windows: Boxes, objects: np.ndarray) -> dict[str, list[bool]]:
    """Whether each object is covered by one of the first windows."""
    ious = box_iou(torch.from_numpy(windows), torch.from_numpy(objects))
    best = {str(count): ious[:count].amax(dim=0) for count in WINDOWS} | {"all": ious.amax(dim=0)}
    return {f"{count} windows, IoU {iou}": (found >= iou).tolist() for count, found in best.items() for iou in IOUS}


def main() -> None:
    """Time both libraries and say what their windows cover."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["raccoon", "boards"])
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    opencv().setNumThreads(given.threads)
    timed(sample_image())
    on_sample = [timed(sample_image())[0] for _ in range(5)]
    data = read_voc_detection(find_data(given.data), "test")
    data = data.subset(range(min(given.images, len(data))))
    speed_ups: list[float] = []
    equal = 0
    covered: dict[str, dict[str, list[bool]]] = {library: {} for library in LIBRARIES}
    for path, objects in track(list(zip(data.paths, data.objects, strict=True)), "images"):
        seconds, windows = timed(load_image(path))
        speed_ups.append(seconds["opencv"] / seconds["spp_ops"])
        equal += np.array_equal(*(np.unique(windows[library], axis=0) for library in LIBRARIES))
        for library in LIBRARIES:
            for name, found in recalls(windows[library], objects.boxes).items():
                covered[library].setdefault(name, []).extend(found)
    result: dict[str, Any] = {
        "data": given.data,
        "images": len(data),
        "images_with_equal_windows": equal,
        "speed_up_on_the_sample": median(each["opencv"] / each["spp_ops"] for each in on_sample),
        "speed_up": median(speed_ups),
        "recall": {
            library: {name: float(np.mean(found)) for name, found in covered[library].items()} for library in LIBRARIES
        },
        "machine": machine_of(),
    }
    write_json(RESULTS / f"proposals-{given.data}.json", result)
    Console().print_json(data=result)


if __name__ == "__main__":
    main()
