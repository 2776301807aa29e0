"""Makes the sample of `spp-ops serve`: `python -m benchmarks.serve.sample`.

Handwritten digits that the packaged detector's training has not seen, on scikit-learn's photo of a flower (CC BY 2.0,
see docs/serve.md).
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from spp_ops.demo.digit_detector import IMAGES
from spp_ops.demo.digit_scenes import add_digit
from spp_ops.demo.digits import digit_sources
from spp_ops.serve.page import SAMPLE

SEED = 30
HEIGHTS = (150, 110, 84, 64, 48, 120)  # pixels


def main() -> None:
    """Draw and write it."""
    random = np.random.default_rng(SEED)
    digits = digit_sources(list(IMAGES.values()), 0)[list(IMAGES).index("test")].digits
    canvas = load_sample_image("flower.jpg").astype(np.float32)
    boxes: list[tuple[int, int, int, int]] = []
    for height in HEIGHTS:
        of_class = digits[str(random.integers(len(digits)))]
        box = add_digit(canvas, of_class[random.integers(len(of_class))], height, boxes, random)
        boxes += [] if box is None else [box]
    Image.fromarray(canvas.clip(0, 255).round().astype(np.uint8)).save(SAMPLE, quality=90)
    print(f"wrote {SAMPLE}")


if __name__ == "__main__":
    main()
