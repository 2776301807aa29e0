"""Decode an image file, whoever wrote it: to 8-bit RGB, upright.

Metadata never costs the pixels: an orientation that can't be read is none. What is mended on the way is told beside the
pixels, so that a whole set's can be named together.
"""

from __future__ import annotations

import io
import os
import threading
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from spp_ops.datasets.problems import Kind

Pixels: TypeAlias = npt.NDArray[np.uint8]  # [H, W, 3], RGB

VARIABLE = "SPP_OPS_IMAGES"

WIDE = Kind(
    "image of 32-bit pixels scaled by the range of its values", "images of 32-bit pixels scaled by the range of values"
)
DARK = Kind(
    "16-bit image uses 12 bits at most and is dark (stretch scales it)",
    "16-bit images use 12 bits at most and are dark (stretch scales them)",
)
STRETCHED = Kind("image scaled by the bits that it uses", "images scaled by the bits that they use")
TRUNCATED = Kind("truncated image read as far as it goes", "truncated images read as far as they go")

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_pillow_switch = threading.Lock()  # LOAD_TRUNCATED_IMAGES is the process's


class ImageError(ValueError):
    """An image that can't be used; the message names it and says why."""


@dataclass(frozen=True)
class ImageRules:
    """What is done with images that need a decision.

    The rules hold for the process and those that it starts, as images are read in many places: they are kept in the
    environment variable SPP_OPS_IMAGES, names with commas between.

    Attributes:
        stretch: pixels of 16 bits are scaled by the bits that an image uses, floating-point ones by their range.
        truncated: a file that ends too early is read as far as it goes.
    """

    stretch: bool = False
    truncated: bool = False

    @staticmethod
    def current() -> ImageRules:
        """Return the rules in force.

        Raises:
            ValueError: the environment variable holds something else.
        """
        names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
        known = [field.name for field in fields(ImageRules)]
        for name in names:
            if name not in known:
                raise ValueError(f"{VARIABLE}: expected some of {', '.join(known)}, got {name!r}")
        return ImageRules(**dict.fromkeys(names, True))

    def use(self) -> None:
        """Put the rules in force."""
        os.environ[VARIABLE] = str(self)

    def __str__(self) -> str:
        return ",".join(field.name for field in fields(self) if getattr(self, field.name))


class Decoded(NamedTuple):
    """An image as it is used."""

    pixels: Pixels
    orientation: int  # EXIF's, 1 to 8, which has been undone
    mended: tuple[Kind, ...]


def decode(path: Path) -> Decoded:
    """Read a file.

    Raises:
        FileNotFoundError: there is no such file.
        ImageError: it can't be decoded, or its pixels have no defined range.
    """
    if not path.is_file():
        lost = " (a link to a file that is not there)" if path.is_symlink() else ""
        raise FileNotFoundError(f"no image file at {path}{lost}")
    load_plugins()
    rules = ImageRules.current()
    try:
        if not rules.truncated:
            with Image.open(path) as image:
                return upright(image, str(path), rules)
        return _decode_truncated(path, rules)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # damaged bytes lead decoders into errors of every kind
        reason = _what_else(path) if isinstance(error, UnidentifiedImageError) else str(error) or type(error).__name__
        raise ImageError(f"cannot read image {path}: {reason}") from error


def _decode_truncated(path: Path, rules: ImageRules) -> Decoded:
    """Read a file as far as it goes, telling whether all of it was there."""
    content = path.read_bytes()
    with _pillow_switch:
        try:
            with Image.open(io.BytesIO(content)) as image:
                return upright(image, str(path), rules)
        except (OSError, SyntaxError, ValueError):
            before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
            try:
                with Image.open(io.BytesIO(content)) as image:
                    found = upright(image, str(path), rules)
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = before
    return found._replace(mended=(*found.mended, TRUNCATED))


def upright(image: Image.Image, name: str, rules: ImageRules) -> Decoded:
    """Turn a Pillow image upright and make it 8-bit RGB; transparency is laid over white, animations give a frame."""
    orientation = _orientation(image)
    mended: tuple[Kind, ...] = ()
    bits = _bits(image)
    if orientation != 1:
        image = image.transpose(_TRANSPOSITIONS[orientation])
    if image.mode == "F" and not rules.stretch:
        raise ImageError(f"cannot use image {name}: floating-point pixels have no defined range (stretch scales them)")
    if image.mode == "F" or image.mode.startswith("I"):
        narrow, mended = _narrow(np.asarray(image), bits, rules)
        image = Image.fromarray(narrow)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return Decoded(np.array(image.convert("RGB")), orientation, mended)


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged block of metadata leads its parser into errors of every kind
        return 1
    return int(found) if found in _TRANSPOSITIONS else 1


def _bits(image: Image.Image) -> int:
    """Bits a pixel of a gray image: decoders give 16 bits as mode I at times, as they do 32."""
    if image.format == "TIFF" and image.mode == "I":
        told = getattr(image, "tag_v2", {}).get(258, 32)  # BitsPerSample
        return int(told[0] if isinstance(told, tuple) else told)
    return 16


def _narrow(wide: npt.NDArray[np.generic], bits: int, rules: ImageRules) -> tuple[Pixels, tuple[Kind, ...]]:
    """Gray pixels of more than 8 bits -> 8 bits, and how."""
    values = wide.astype(np.float64 if wide.dtype.kind == "f" else np.int64)
    low, high = values.min(), values.max()
    if values.dtype.kind == "f" or ((bits > 16 or low < 0 or high > 65535) and low < high):
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ImageError("expected finite pixels, found NaN or inf")
        scaled = (values - low) * (255 / max(high - low, np.finfo(np.float64).tiny))
        return np.rint(scaled).astype(np.uint8), (STRETCHED if values.dtype.kind == "f" else WIDE,)
    if high >= 4096 or high == 0:
        return (values.clip(0, 65535) // 256).astype(np.uint8), ()
    if not rules.stretch:
        return (values // 256).astype(np.uint8), (DARK,)
    used = max(int(high).bit_length(), 8)
    return (values // 2 ** (used - 8)).astype(np.uint8), (STRETCHED,)


@cache
def load_plugins() -> None:
    """Let Pillow read HEIC where the package for it is installed."""
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.register_heif_opener()


_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")


def _what_else(path: Path) -> str:
    """Say what a file is that is no image to Pillow."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return "the file is empty"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC and ".heic" not in Image.registered_extensions():
        return "a HEIC image, which takes another package (pip install pillow-heif)"
    if head.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the image itself (git lfs pull)"
    if head.lstrip()[:5].lower() in (b"<html", b"<!doc"):
        return "a web page, not an image"
    return "unknown format or damaged header"
