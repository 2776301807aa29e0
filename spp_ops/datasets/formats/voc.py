"""The detection task of Pascal VOC: an XML file an image.

Boxes of Pascal VOC count pixels from 1 and include the last one. labelImg and tools that follow it write the same: a
box that fills its image is 1, 1, WIDTH, HEIGHT. Other tools count from 0, or from one edge to the other: `first_pixel`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.formats.assemble import assemble
from spp_ops.datasets.formats.base import AnnotatedImage, AnnotatedSet, ReadOptions
from spp_ops.datasets.formats.voc_files import VocLayout, find_voc, listed_names
from spp_ops.datasets.formats.voc_objects import PixelRule, read_objects, told_size
from spp_ops.datasets.formats.voc_pixels import pixel_rule
from spp_ops.datasets.formats.voc_xml import parse_annotation
from spp_ops.datasets.image_files import DANGLING, ImageFinder, image_files, is_image_name
from spp_ops.datasets.problems import Kind, Notice, OnBad, Problems

NO_ANNOTATION = Kind(
    "image without an annotation counts as one without objects",
    "images without annotations count as ones without objects",
)
SAME_NAME = Kind(
    "image has the name of another but for its ending; one of them is read",
    "images have the names of others but for their endings; one of each is read",
)
TWICE = Kind("image listed twice counts once", "images listed twice count once")


def read_voc_detection(
    folder: str | os.PathLike[str],
    split: str,
    *,
    classes: Sequence[str] | None = None,
    first_pixel: int | str | None = None,
    on_bad: OnBad = "refuse",
    strict: bool = False,
    notice: Notice = print,
) -> DetectionImages:
    """Images and objects of one split, with those without objects.

    All images are decoded once. Boxes come out in pixels of the upright image, as `load_image` returns it; where an
    annotation's size shows that they were drawn on the image as stored, they are turned with it.

    What can be wrong, each named with its file and line: an image that is not there, can't be read or differs in size
    from its annotation; an annotation that can't be read; a box that is reversed, without a pixel, mostly outside the
    image or without numbers; an unknown class. What can only mean one thing is mended: docs/data.md lists it.

    Args:
        folder: holds JPEGImages, Annotations and ImageSets/Main, or another of the layouts in docs/data.md.
        split: train, val, trainval, test.
        classes: the classes, in the order of their labels, as a trained detector knows them. None: those of the
            split's objects, in the order of their names.
        first_pixel: what the annotations call the first pixel of a row: 1, or 0; or "edges": 0 is an image's left edge,
            and its width the right one. None: found out from the whole set; 1 unless boxes touch 0.
        on_bad: what to do about what is wrong: name and skip, or refuse.
        strict: what could be mended is wrong as well.
        notice: told of what is mended and skipped.

    Raises:
        FileNotFoundError: there is no list of this split; those that there are are named.
        ValueError: the list is empty, no image can be used, or, with "refuse", something is wrong; the first few
            things are named.
    """
    problems = Problems(on_bad, notice, strict)
    found = VocFormat().read(Path(folder), split, ReadOptions(first_pixel=first_pixel), problems)
    images = assemble(found, classes, problems)
    problems.finish()
    return images


class VocFormat:
    """Pascal VOC's layout and its kin."""

    name = "voc"
    expects = "Annotations/*.xml, or XML files beside the images"
    takes_images = False

    def recognizes(self, data: Path) -> bool:
        """Say whether a folder holds such a set."""
        return data.is_dir() and bool(find_voc(data))

    def splits(self, data: Path) -> tuple[str, ...]:
        """The splits that the set has; none where it has a single list "default" or no lists."""
        found = find_voc(data)
        names = found[None].split_names() if None in found else tuple(name for name in found if name is not None)
        return () if names == ("default",) else names

    def categories(self, data: Path, split: str | None) -> None:
        """None: classes have names alone."""

    def read(self, data: Path, split: str | None, options: ReadOptions, problems: Problems) -> AnnotatedSet:
        """Images of a split; None: all that there are."""
        layout = _layout(data, split)
        rule = pixel_rule(options.first_pixel, sorted(layout.annotations.glob("*.xml")), layout.root, problems)
        if split is None or layout.lists is None:
            entries = _everything(layout, problems)
            where = str(layout.images)
        else:
            list_file = layout.lists / f"{split}.txt"
            entries = {
                f"{list_file}:{number}": name for number, name in listed_names(list_file, layout.annotations).items()
            }
            where = str(list_file)
        finder = ImageFinder(layout.images, layout.root)
        images: dict[str, AnnotatedImage] = {}
        for place, name in entries.items():
            with problems.noting():
                _add(images, layout, place, name, finder, rule, problems)
        return AnnotatedSet(where, list(images.values()))


def _layout(data: Path, split: str | None) -> VocLayout:
    found = find_voc(data)
    if not found:  # a split's list may be all that is missing, or all that is there
        return VocLayout(data, data / "JPEGImages", data / "Annotations", data / "ImageSets" / "Main")
    if None in found:
        layout = found[None]
        if split is not None and layout.lists is None:
            return VocLayout(layout.root, layout.images, layout.annotations, layout.root / "ImageSets" / "Main")
        return layout
    if split is None or split not in found:
        raise ValueError(f"{data}: no split {split}; there are {', '.join(str(name) for name in found)}")
    return found[split]


def _everything(layout: VocLayout, problems: Problems) -> dict[str, str]:
    """All images with an annotation or without, by where they are told of."""
    named = {path.stem: str(path) for path in sorted(layout.annotations.glob("*.xml"))}
    if layout.images.is_dir():
        seen: set[str] = set()
        for path in image_files(layout.images, problems, others=(".xml", ".txt", ".json", ".yaml", ".md")):
            named.setdefault(path.stem, str(path))
            if path.stem in seen:
                problems.note(SAME_NAME, path)
            seen.add(path.stem)
    return {place: name for name, place in sorted(named.items())}


def _add(
    images: dict[str, AnnotatedImage],
    layout: VocLayout,
    place: str,
    name: str,
    finder: ImageFinder,
    rule: PixelRule,
    problems: Problems,
) -> None:
    stem = _stem(layout, name)
    if stem in images:
        problems.mend(TWICE, place, f"{stem} is listed twice")
        return
    path = layout.annotations / f"{stem}.xml"
    try:
        if not path.is_file():
            image = AnnotatedImage(finder.by_stem(name), stem, None, place)
            lost = "a link to a file that is not there" if path.is_symlink() else f"no annotation at {path}"
            problems.mend(DANGLING if path.is_symlink() else NO_ANNOTATION, place, lost)
            images[stem] = image
            return
        annotation = parse_annotation(path, problems)
        file = _image_file(finder, name, annotation.root)
    except FileNotFoundError as error:
        raise ValueError(f"{place}: {error}") from error
    size = annotation.root.find("size")
    at = annotation.at(annotation.root if size is None else size)
    told = told_size(annotation, problems)
    objects, lost_objects = read_objects(annotation, rule, problems)
    images[stem] = AnnotatedImage(file, stem, None, at, told, objects, own_problems=lost_objects)


def _image_file(finder: ImageFinder, name: str, root: ElementTree.Element) -> Path:
    """Find an image by its own name, or by the one that the annotation tells."""
    try:
        return finder.by_stem(name)
    except FileNotFoundError:
        told = (root.findtext("filename") or "").strip().replace("\\", "/").rpartition("/")[2]
        if not told or told == name:
            raise
        try:
            return finder.by_stem(told)
        except FileNotFoundError:
            pass
        raise


def _stem(layout: VocLayout, name: str) -> str:
    """A listed name without its ending, where it has one ("a.jpg", but not the "1" of "v.1")."""
    if (layout.annotations / f"{name}.xml").is_file():
        return name
    without = name.rpartition(".")[0] if "." in name.rpartition("/")[2] else name
    there = (layout.annotations / f"{without}.xml").is_file()
    return without if there or is_image_name(Path(name)) else name
