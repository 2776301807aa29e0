"""Rows that are dear to compute, one pass through the network a window, kept on disk: R-CNN's.

One file an image, ``FOLDER/NAME-KEY.safetensors``, with ``windows`` [R, 4] and ``rows`` [R, D], float16. The key is a
hash of the image's bytes and windows, and of what the rows depend on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from spp_ops.detection.features.warped import RCNNFeatures
from spp_ops.detection.staged.cache import hash_of
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.engine.files import atomic_write


class KeptRows:
    """A `RowSource` of rows that `fill` computes once and for all.

    Attributes:
        size: D.

    Args:
        features: of the windows.
        images: whose windows are asked for; no others can be.
        folder: of the files; made if need be.
    """

    def __init__(self, features: RCNNFeatures, images: list[TrainingSample], folder: Path) -> None:
        self._features = features
        self._images = images
        net = features.net
        rules = [features.layer, features.size, features.padding, str(net.normalization), net.levels, hash_of(net)]
        self._rules = json.dumps(rules).encode()
        self._files = [folder / f"{image.path.stem}-{self._key(image)}.safetensors" for image in images]
        with torch.inference_mode():
            self.size = features(images[0].pixels(), images[0].windows[:1]).shape[1]

    def fill(self, after_image: Callable[[], None] = lambda: None) -> None:
        """Compute what is not there. An interrupted call goes on where it was.

        Raises:
            ValueError: a feature is too large for float16.
        """
        for image, file in zip(self._images, self._files, strict=True):
            if not file.is_file():
                with torch.inference_mode():
                    rows = self._features.scores(image.pixels(), image.windows, _halved)
                if not rows.isfinite().all():
                    raise ValueError(f"features: expected numbers within float16's range for {image.path}, got larger")
                with atomic_write(file) as temporary:
                    save_file({"windows": image.windows, "rows": rows.cpu()}, temporary)
            after_image()

    def rows(self, image: int, windows: Tensor) -> Tensor:
        """[R, 4], some windows of an image -> [R, D] float32.

        Raises:
            ValueError: one is not a window of the image; or the file is not there, or damaged.
        """
        file = self._files[image]
        try:
            tensors = load_file(file)
            places = {tuple(window): row for row, window in enumerate(tensors["windows"].tolist())}
            return tensors["rows"][[places[tuple(window)] for window in windows.tolist()]].float()
        except (SafetensorError, KeyError, OSError) as error:
            raise ValueError(f"{file}: not the rows of an image's windows ({error}); `fill` makes it") from error

    def _key(self, image: TrainingSample) -> str:
        digest = hashlib.sha256(self._rules)
        digest.update(b"mirrored" if image.flipped else b"upright")
        digest.update(image.windows.numpy().tobytes())
        digest.update(image.path.read_bytes())
        return digest.hexdigest()[:20]


def _halved(rows: Tensor) -> Tensor:
    return rows.half()
