"""Images and, built on them, data sets."""

from spp_ops.datasets.image import (
    IMAGENET_NORMALIZATION,
    PAPER_NORMALIZATION,
    ImageError,
    Normalization,
    load_image,
    to_tensor,
)

__all__ = [
    "IMAGENET_NORMALIZATION",
    "PAPER_NORMALIZATION",
    "ImageError",
    "Normalization",
    "load_image",
    "to_tensor",
]
