"""What `spp-ops detect` leaves in its folder: boxes as JSON, or in COCO's results format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spp_ops.detection.coco_results import write_coco_results
from spp_ops.detection.detections import Detections
from spp_ops.engine.files import write_json


@dataclass(frozen=True)
class Finding:
    """One image and what is found in it.

    Attributes:
        path: of the image.
        width: of the upright image, in pixels.
        height: likewise.
        drawn: name of the image with boxes; None where none was written.
        detections: what is found.
    """

    path: Path
    width: int
    height: int
    drawn: str | None
    detections: Detections


def write_findings(out: Path, findings: Sequence[Finding], classes: Sequence[str]) -> None:
    """Write detections.json: classes, and for each image its path, its size, and its objects, best first."""
    images = [
        {
            "image": str(each.path),
            "width": each.width,
            "height": each.height,
            "drawing": each.drawn,
            "objects": each.detections.as_data(),
        }
        for each in findings
    ]
    write_json(out / "detections.json", {"classes": list(classes), "images": images})


def write_coco_findings(out: Path, findings: Sequence[Finding], classes: Sequence[str]) -> None:
    """Write coco_results.json; and coco_images.json, which says what its ids of images and categories stand for."""
    ids = image_ids([each.path for each in findings])
    write_coco_results(out / "coco_results.json", ids, [each.detections for each in findings])
    images = [
        {"id": number, "file_name": str(each.path), "width": each.width, "height": each.height}
        for number, each in zip(ids, findings, strict=True)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    write_json(out / "coco_images.json", {"images": images, "categories": categories})


def image_ids(paths: Sequence[Path]) -> list[int]:
    """The numbers that the images are called by, as COCO's are; 1, 2, ... where they are no different numbers."""
    numbers = {int(path.stem) for path in paths if path.stem.isdecimal()}
    return [int(path.stem) for path in paths] if len(numbers) == len(paths) else [*range(1, len(paths) + 1)]


def image_names(paths: Sequence[Path]) -> list[str]:
    """A file name for each image, namesakes from other folders told apart by numbers."""
    names: dict[str, None] = {}
    for path in paths:
        number, name = 1, f"{path.stem}.jpg"
        while name in names:
            number += 1
            name = f"{path.stem}_{number}.jpg"
        names[name] = None
    return list(names)
