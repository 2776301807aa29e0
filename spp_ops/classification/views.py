"""Which parts of an image are looked at when it is tested (paper, sections 3.1.3 to 3.1.5)."""

from __future__ import annotations

from dataclasses import dataclass

from spp_ops.classification.augmentation import CROP, SHORTER_SIDE

Place = tuple[float, float]  # of a window: how much of the room left of it and above it, from 0 to 1

CENTRE: tuple[Place, ...] = ((0.5, 0.5),)
CORNERS: tuple[Place, ...] = ((0, 0), (1, 0), (0, 1), (1, 1))
SIDE_MIDDLES: tuple[Place, ...] = ((0.5, 0), (0, 0.5), (1, 0.5), (0.5, 1))
ALONG_LONGER_SIDE: tuple[Place, ...] = ((0, 0), (0.5, 0.5), (1, 1))  # where the shorter side leaves no room

MULTI_VIEW_SCALES = (224, 256, 300, 360, 448, 560)
NAMES = ("crop", "full", "10", "96", "96+2")


@dataclass(frozen=True)
class ScaleViews:
    """The views of an image resized to one scale.

    Attributes:
        scale: shorter side of the resized image, in pixels.
        places: of the square windows.
        full: whether the whole image is a view.
        flips: whether all of that is seen flipped too.
    """

    scale: int
    places: tuple[Place, ...] = ()
    full: bool = False
    flips: bool = False

    def __len__(self) -> int:
        return (len(self.places) + self.full) * (1 + self.flips)


@dataclass(frozen=True)
class Views:
    """A way of testing: the scores of all views are averaged.

    Attributes:
        name: one of `NAMES`.
        window: side of the square windows, in pixels of the resized image.
        scales: the views, scale by scale.
    """

    name: str
    window: int
    scales: tuple[ScaleViews, ...]

    def __len__(self) -> int:
        return sum(map(len, self.scales))


def make_views(name: str, window: int = CROP) -> Views:
    """Return the views called `name`.

    ===== ==============================================================================================
    crop  the window in the center, at scale 256
    full  the whole image at scale 256
    10    center and corners at scale 256, each flipped too
    96    scales 224 to 560: center, corners and side middles, each flipped too: 18 a scale, 6 at 224
    96+2  the same, and the whole image at scale 256, flipped too
    ===== ==============================================================================================

    Args:
        name: one of `NAMES`.
        window: side of the windows in pixels. The scales above go with windows of 224 pixels; for a network trained at
            another size they grow or shrink with it.

    Raises:
        ValueError: there is no such name, or the window has no pixel.
    """
    if window < 1:
        raise ValueError(f"window: expected at least 1 pixel, got {window}")
    if name not in NAMES:
        raise ValueError(f"views: expected one of {', '.join(NAMES)}, got {name!r}")
    usual = scaled(SHORTER_SIDE, window)
    if name == "crop":
        return Views(name, window, (ScaleViews(usual, CENTRE),))
    if name == "full":
        return Views(name, window, (ScaleViews(usual, full=True),))
    if name == "10":
        return Views(name, window, (ScaleViews(usual, CENTRE + CORNERS, flips=True),))
    nine = CENTRE + CORNERS + SIDE_MIDDLES
    return Views(
        name,
        window,
        tuple(
            ScaleViews(
                scaled(scale, window),
                ALONG_LONGER_SIDE if scale == CROP else nine,
                full=name == "96+2" and scale == SHORTER_SIDE,
                flips=True,
            )
            for scale in MULTI_VIEW_SCALES
        ),
    )


def scaled(scale: int, window: int) -> int:
    """Return the scale that is to `window` what `scale` is to 224."""
    return round(scale * window / CROP)
