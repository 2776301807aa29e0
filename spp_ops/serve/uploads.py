"""A request's body -> an image, or a refusal that says why, and an image -> a body; nothing touches the disk."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import anyio
from PIL import Image

from spp_ops.datasets.image import Pixels, load_image
from spp_ops.serve.limits import Limits, Refusal

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # the decoders that strangers' bytes may reach


async def read_body(chunks: AsyncIterator[bytes], length: str | None, limits: Limits) -> bytes:
    """Read a body, no further than it is allowed to go.

    Args:
        chunks: of the body.
        length: what the client says that it is.
        limits: in force.

    Raises:
        Refusal: it is too long, empty, or does not come.
    """
    too_long = Refusal(413, f"image: expected a file of at most {limits.bytes / 1e6:g} MB")
    if length is not None and length.isascii() and length.isdigit() and int(length[:18]) > limits.bytes:
        raise too_long
    parts: list[bytes] = []
    size = 0
    try:
        with anyio.fail_after(limits.body_seconds):
            async for chunk in chunks:
                size += len(chunk)
                if size > limits.bytes:
                    raise too_long
                parts.append(chunk)
    except TimeoutError:
        raise Refusal(408, f"image: expected the file within {limits.body_seconds:g} s") from None
    if size == 0:
        raise Refusal(400, "image: expected a file, got nothing")
    return b"".join(parts)


def decode_upload(content: bytes, limits: Limits) -> Pixels:
    """Decode an image from memory; its size is looked at before its pixels are.

    Returns:
        uint8 array [H, W, 3], RGB, upright.

    Raises:
        Refusal: it is no image, or has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > limits.pixels or max(width, height) > limits.side:
                most = f"{limits.pixels / 1e6:g} million pixels, {limits.side} a side"
                raise Refusal(413, f"image: expected at most {most}, got {width} x {height}")
            return load_image(image)
    except Refusal:
        raise
    except Exception as error:  # damaged bytes lead decoders into errors of every kind
        raise Refusal(415, f"image: expected a file in one of the formats {', '.join(FORMATS)}") from error


def encode_picture(pixels: Pixels) -> bytes:
    """Encode an image as the page shows it, whatever format it came in."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=92)
    return content.getvalue()
