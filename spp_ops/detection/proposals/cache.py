"""Boxes kept on disk under a hash of the image and of the settings; without a place to keep them the work goes on."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from spp_ops.datasets.decoding import ImageRules
from spp_ops.detection.proposals.boxes import Boxes, opencv
from spp_ops.detection.proposals.config import ProposalConfig
from spp_ops.engine.config import as_data
from spp_ops.engine.files import CannotWriteError, atomic_write, remove_leftovers

VARIABLE = "SPP_OPS_CACHE"
_RULES = 2  # goes up when the same image and record would give other boxes
_DAY = 86_400.0  # seconds after which the temporary file of another process is taken for a killed one's


def default_cache() -> Path | None:
    """Return the folder named by the environment variable SPP_OPS_CACHE; else ``~/.cache/spp_ops``.

    None where there is no home folder either.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    try:
        return Path.home() / ".cache" / "spp_ops"
    except RuntimeError:
        return None


class Cache:
    """Boxes of images, by the images' bytes and the settings.

    Args:
        config: what is found.
        root: folder; None: `default_cache()`.
    """

    def __init__(self, config: ProposalConfig, root: Path | None = None) -> None:
        self._name = VARIABLE if root is None else "cache"
        root = default_cache() if root is None else root
        self._folder = None if root is None else (root / "proposals").absolute()
        cv2: Any = opencv()
        reading = str(ImageRules.current())  # other pixels from the same bytes
        rules = [_RULES, cv2.__version__, as_data(config), *([reading] if reading else [])]
        self._rules = json.dumps(rules, sort_keys=True).encode()

    def tidy(self) -> None:
        """Remove what killed processes have left."""
        if self._folder is not None:
            remove_leftovers(self._folder, r"[0-9a-f]+\.npz", older_than=_DAY)

    def load(self, path: Path) -> Boxes | None:
        """Boxes of an image; None where they are not there or damaged.

        Raises:
            FileNotFoundError: there is no such image.
        """
        if not path.is_file():
            raise FileNotFoundError(f"no image file at {path}")
        if self._folder is None:
            return None
        try:
            with np.load(self._kept(path), allow_pickle=False) as archive:
                boxes = archive["boxes"]
        except Exception:  # damaged bytes lead the readers of the archive into errors of many kinds
            return None
        usable = boxes.ndim == 2 and boxes.shape[1] == 4 and boxes.dtype == np.float32 and np.isfinite(boxes).all()
        return boxes if usable else None

    def save(self, path: Path, boxes: Boxes) -> str | None:
        """Keep the boxes of an image; what the user is to be told where that is not possible, else None."""
        if self._folder is None:
            return f"{VARIABLE}: there is no home folder to keep proposals in, and this variable names no other"
        try:
            with atomic_write(self._kept(path)) as temporary:
                np.savez_compressed(temporary, boxes=boxes)
        except CannotWriteError as error:
            return f"{error.of(self._name)}; the work goes on, and will find these proposals anew another time"
        return None

    def _kept(self, path: Path) -> Path:
        assert self._folder is not None
        key = hashlib.sha256(self._rules + b"\0" + path.read_bytes()).hexdigest()
        return self._folder / f"{key}.npz"
