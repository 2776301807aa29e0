"""What a detector is given: images and their windows, read and checked, some of them ahead of its work."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spp_ops.datasets.image import ImageSource, Pixels, load_image
from spp_ops.detection.proposals import BoxFile, ProposalConfig, make_proposer

Windows: TypeAlias = Tensor | npt.NDArray[np.generic]  # [R, 4]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Prepared(NamedTuple):
    """An image and the windows to be looked at."""

    pixels: Pixels
    windows: Tensor | None  # [R, 4] float32, on the CPU; None: what the detector's network proposes


def prepare(image: ImageSource, windows: Windows | None, proposals: ProposalConfig) -> Prepared:
    """Read an image; find its windows where none are given.

    Raises:
        FileNotFoundError, ImageError: there is no such image, or it can't be used.
        ValueError: the windows are not what they should be, or belong to images by name and this one has none.
    """
    pixels = load_image(image)
    if windows is not None:
        return Prepared(pixels, checked_windows(windows))
    if proposals.method == "learned":
        return Prepared(pixels, None)
    if proposals.file is None:
        boxes = make_proposer(proposals)(pixels)
    elif isinstance(image, str | os.PathLike):
        file = Path(proposals.file)
        known = _box_file(file, file.stat().st_mtime_ns if file.is_file() else 0)
        boxes = known.boxes(Path(image), pixels.shape[1], pixels.shape[0])[: proposals.limit]
    else:
        raise ValueError(f"windows: expected some, as {proposals.file} knows images by their files' names, got None")
    return Prepared(pixels, torch.from_numpy(boxes))


def ahead(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield the function's results in the items' order, computed by threads up to `workers` items ahead."""
    if workers < 1:
        yield from map(function, items)
        return
    remaining = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(function, item) for item in islice(remaining, workers))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(remaining, 1))
            yield result


@lru_cache(maxsize=2)
def _box_file(path: Path, changed: int) -> BoxFile:
    """Keep a file's boxes in memory for the next image, until the file changes."""
    return BoxFile(path)


def checked_windows(windows: Windows, name: str = "windows") -> Tensor:
    """Boxes as float32 [R, 4] on the CPU.

    Raises:
        ValueError: they have another shape, are not finite, or are reversed; `name` says what they are.
    """
    boxes = torch.as_tensor(windows).detach().to("cpu", torch.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name}: expected [R, 4], got {list(boxes.shape)}")
    bad = ~(boxes.isfinite().all(dim=1) & (boxes[:, :2] <= boxes[:, 2:]).all(dim=1))
    if bad.any():
        row = int(bad.nonzero()[0])
        raise ValueError(f"{name}: expected finite x1 <= x2 and y1 <= y2, got {boxes[row].tolist()} in row {row}")
    return boxes


def as_pixels(image: ImageSource | Tensor) -> ImageSource:
    """What `prepare` reads, from that or from a tensor.

    Args:
        image: a tensor [3, H, W] on any device, float of values 0 to 1 or uint8, as torchvision has them; a uint8
            tensor [H, W, 3]; or anything that `load_image` takes.

    Returns:
        uint8 [H, W, 3] of a tensor, its values rounded to 256 levels; anything else as it is.

    Raises:
        ValueError: the tensor is neither.
    """
    if not isinstance(image, Tensor):
        return image
    image = image.detach()
    last = image.ndim == 3 and image.shape[0] != 3 and image.dtype == torch.uint8
    pixels = image if last else image.movedim(0, -1) if image.ndim == 3 else image
    levels = image.dtype == torch.uint8 or image.is_floating_point()
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.numel() == 0 or not levels:
        expected = "[3, H, W], float or uint8, or uint8 [H, W, 3], not empty"
        raise ValueError(f"images: expected {expected}, got {image.dtype} {list(image.shape)}")
    if image.is_floating_point():
        low, high = (float(value) for value in pixels.aminmax())
        if not -1e-3 <= low <= high <= 1 + 1e-3:
            raise ValueError(f"images: expected floats from 0 to 1, got {low:g} to {high:g}; no normalization before")
        pixels = (pixels.float().clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.cpu().numpy()
