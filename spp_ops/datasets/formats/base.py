"""What every format of detection data is turned into before it is checked against the images."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class AnnotatedObject:
    """An object as its file has it.

    Attributes:
        name: its class.
        box: x1, y1, x2, y2: 0-based pixels, last pixel included; in an image that says `relative`, shares of its width
            and height between its edges.
        at: where it is; its text is FILE:LINE.
        shown: the box in the file's own terms, for complaints.
        difficult: neither to be found nor held against a detector that finds it.
        area: pixels of the object itself; None: of its box.
    """

    name: str
    box: tuple[float, float, float, float]
    at: object
    shown: str
    difficult: bool = False
    area: float | None = None


@dataclass
class AnnotatedImage:
    """An image and its objects as their files have them.

    Attributes:
        path: the image's file.
        name: what it is called.
        id: COCO's; None: its place among the images that can be used.
        at: where it is told of; its text is a file and a line, or a file.
        told: width and height by the annotation; None: it does not say.
        objects: in the order of the file.
        relative: boxes are shares of the upright image.
        own_problems: objects that were left out before.
    """

    path: Path
    name: str
    id: Hashable | None
    at: object
    told: tuple[float, float] | None = None
    objects: list[AnnotatedObject] = field(default_factory=list)
    relative: bool = False
    own_problems: int = 0


@dataclass(frozen=True)
class AnnotatedSet:
    """The images of one split.

    Attributes:
        where: names the set in errors.
        images: in their order.
        classes: in the order that the format gives them; None: it gives none.
    """

    where: str
    images: list[AnnotatedImage]
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say of how files are to be read.

    Attributes:
        images: folder of the images, for formats whose annotations are one file; None: found.
        first_pixel: of Pascal VOC's and CSV's boxes: 1, 0, or "edges" for coordinates between a left edge of 0 and a
            right edge of the width; None: found out, or the format's own.
    """

    images: Path | None = None
    first_pixel: int | str | None = None
