"""Annotations of any format, checked against their images: the one place that says which boxes can be used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.datasets.formats.base import AnnotatedImage, AnnotatedObject, AnnotatedSet
from spp_ops.datasets.image_sizes import ImageSize, drawn_on_stored, image_sizes
from spp_ops.datasets.problems import Kind, Problems

CLIPPED = Kind("box clipped to its image", "boxes clipped to their images")
_LOOKED_AT = 1000  # boxes
_LEAST_INSIDE = 0.5  # share of a box that must be inside for the rest to be an outline that went too far


def assemble(found: AnnotatedSet, classes: Sequence[str] | None, problems: Problems) -> DetectionImages:
    """Check images and boxes, and number the classes.

    Args:
        found: what the files say.
        classes: in the order of their labels; None: the format's, or those of the objects in the order of their names.
        problems: takes what is wrong. An image whose objects are all left out is left out with them, so that they are
            not learned as background; one whose objects are all of unknown classes stays.

    Raises:
        ValueError: no image can be used, and the problems are not refused anyway.
    """
    with problems.noting(found.where):
        _refuse_shares(found)
    sizes = image_sizes([image.path for image in found.images])
    kept: list[tuple[AnnotatedImage, list[AnnotatedObject]]] = []
    for image, size in zip(found.images, sizes, strict=True):
        with problems.noting():
            kept.append((image, _checked(image, size, problems)))
    order = tuple(classes) if classes is not None else found.classes
    if order is None:
        order = tuple(sorted({item.name for _, objects in kept for item in objects}))
    _name_unknown([item for _, objects in kept for item in objects], order, problems)
    if not kept and (problems.on_bad == "skip" or not problems.lines):
        first = f": {problems.lines[0]}" if problems.lines else ""
        raise ValueError(f"{found.where}: expected images, found none that can be used{first}")
    labels = {name: label for label, name in enumerate(order)}
    return DetectionImages(
        paths=tuple(image.path for image, _ in kept),
        names=tuple(image.name for image, _ in kept),
        ids=tuple(row if image.id is None else image.id for row, (image, _) in enumerate(kept)),
        objects=tuple(_labeled(objects, labels) for _, objects in kept),
        classes=order,
    )


def _refuse_shares(found: AnnotatedSet) -> None:
    """Refuse a set whose boxes all lie in the first pixels, as shares of the image do that are taken for pixels.

    Raises:
        ValueError: they do.
    """
    boxes = [item.box for image in found.images if not image.relative for item in image.objects]
    fractions = any(corner != int(corner) for box in boxes[:_LOOKED_AT] for corner in box if np.isfinite(corner))
    if boxes and fractions and all(max(box[2:]) <= 1 for box in boxes):
        raise ValueError("all boxes lie between 0 and 1: expected pixels, got what looks like shares of the image")


def _checked(image: AnnotatedImage, size: ImageSize | str, problems: Problems) -> list[AnnotatedObject]:
    """Return the usable objects of an image, their boxes upright and clipped.

    Raises:
        ValueError: the image can't be used.
    """
    if isinstance(size, str):
        raise ValueError(f"{image.at}: {size}")
    for kind in size.mended:
        problems.mend(kind, image.path)
    stored = False
    if not image.relative:
        try:
            stored = drawn_on_stored(image.told, size, image.at, problems)
        except ValueError as error:
            raise ValueError(f"{image.at}: {error}") from error
    usable = []
    for item in image.objects:
        with problems.noting(item.at):
            usable.append(_placed(item, size, stored, image.relative, problems))
    if not usable and (image.objects or image.own_problems):
        raise ValueError(f"{image.path}: none of its objects can be used")
    return usable


def _placed(
    item: AnnotatedObject, size: ImageSize, stored: bool, relative: bool, problems: Problems
) -> AnnotatedObject:
    """Return an object with its box in the upright image, clipped to it.

    Raises:
        ValueError: the box can't be used.
    """
    boxes = np.array([item.box], np.float64)
    if relative:
        boxes = boxes * ([size.width, size.height] * 2) - [0, 0, 1, 1]
    if stored:
        boxes = size.turn_upright(boxes)
    x1, y1, x2, y2 = boxes[0].tolist()
    if not np.isfinite(boxes).all():
        raise ValueError(f"{item.shown}: expected finite numbers")
    if x2 <= x1 - 1 or y2 <= y1 - 1:
        raise ValueError(f"{item.shown}: no pixel is inside: the corners are reversed or the size is zero")
    # Less than a pixel too far is how outlines drawn by hand end at the edge.
    if min(x1, y1) <= -1 or x2 >= size.width or y2 >= size.height:
        outside = f"{item.shown}: not inside the image, which is {size}"
        width, height = min(x2, size.width - 1) - max(x1, 0) + 1, min(y2, size.height - 1) - max(y1, 0) + 1
        inside = max(width, 0) * max(height, 0) / ((x2 - x1 + 1) * (y2 - y1 + 1))
        if inside < _LEAST_INSIDE:
            raise ValueError(outside)
        if problems.strict:
            raise ValueError(outside)
        problems.mend(CLIPPED, item.at)
    last = np.array([size.width - 1, size.height - 1] * 2)
    left, top, right, bottom = boxes[0].clip(0, last).tolist()
    return AnnotatedObject(item.name, (left, top, right, bottom), item.at, item.shown, item.difficult, item.area)


def _name_unknown(items: Sequence[AnnotatedObject], order: tuple[str, ...], problems: Problems) -> None:
    """Take each class that is not known, once."""
    unknown: dict[str, list[AnnotatedObject]] = {}
    for item in items:
        if item.name not in order:
            unknown.setdefault(item.name, []).append(item)
    for name, of_class in unknown.items():
        more = f" ({len(of_class)} objects)" if len(of_class) > 1 else ""
        near = next((known for known in order if known.strip().lower() == name.strip().lower()), None)
        hint = f", of which {near!r} differs in case or spaces" if near is not None else ""
        problems.add(f"{of_class[0].at}: unknown class {name!r}{more}; the classes are {', '.join(order)}{hint}")


def _labeled(items: Sequence[AnnotatedObject], labels: dict[str, int]) -> Objects:
    known = [item for item in items if item.name in labels]
    boxes = np.array([item.box for item in known], np.float32).reshape(-1, 4)
    extents = boxes[:, 2:].astype(np.float64) - boxes[:, :2] + 1
    areas = [extent if item.area is None else item.area for item, extent in zip(known, extents.prod(1), strict=True)]
    return Objects(
        boxes=boxes,
        labels=np.array([labels[item.name] for item in known], np.int64),
        difficult=np.array([item.difficult for item in known], np.bool_),
        areas=np.array(areas, np.float64) if any(item.area is not None for item in known) else None,
    )
