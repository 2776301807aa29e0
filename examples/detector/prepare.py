"""Export a detector, for run_detector.cpp to run without Python.

    python prepare.py DIR [RUN]

writes DIR/detector.xml and .bin, the detector in RUN (else that of the digits that come with spp_ops), and for a try
DIR/image.ppm, DIR/windows.txt (empty for a detector that proposes its own) and DIR/expected.txt, what Python finds with
the same file: a line an object, label, score, x1, y1, x2, y2.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from spp_ops.demo.digit_detector import FOLDER, digit_images
from spp_ops.detection import SPPDetector
from spp_ops.detection.detectors.inputs import prepare
from spp_ops.detection.export import export_detector, load_exported


def main(directory: Path, run: Path = FOLDER) -> None:
    """Write the files."""
    detector = SPPDetector.load(run)
    export_detector(detector, directory / "detector.xml", "openvino")  # as `spp-ops export RUN --format openvino`
    path = digit_images(directory / "digits", "test").paths[0]
    image, windows = prepare(path, None, detector.proposals)
    Image.fromarray(image).save(directory / "image.ppm")
    rows = [] if windows is None else windows.tolist()
    (directory / "windows.txt").write_text("".join(f"{' '.join(map(repr, row))}\n" for row in rows))
    found = load_exported(directory / "detector.xml")(image, windows)
    lines = zip(found.labels.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True)
    (directory / "expected.txt").write_text(
        "".join(f"{label} {score} {' '.join(map(str, box))}\n" for label, score, box in lines)
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
