"""Rows that are dear to compute, one pass through the network a window, kept on disk: R-CNN's.

One file a picture, ``FOLDER/NAME-KEY.safetensors``, with ``windows`` [R, 4] and ``rows`` [R, D], float16. The key is a
hash of the picture's bytes and windows, and of what the rows depend on.
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
from spp_ops.detection.staged.samples import TrainingPicture
from spp_ops.engine.files import atomic_write


class KeptRows:
    """A `RowSource` of rows that `fill` computes once and for all.

    Attributes:
        size: D.

    Args:
        features: of the windows.
        pictures: whose windows are asked for; no others can be.
        folder: of the files; made if need be.
    """

    def __init__(self, features: RCNNFeatures, pictures: list[TrainingPicture], folder: Path) -> None:
        self._features = features
        self._pictures = pictures
        net = features.net
        rules = [features.layer, features.size, features.padding, str(net.normalization), net.levels, hash_of(net)]
        self._rules = json.dumps(rules).encode()
        self._files = [folder / f"{picture.path.stem}-{self._key(picture)}.safetensors" for picture in pictures]
        with torch.inference_mode():
            self.size = features(pictures[0].pixels(), pictures[0].windows[:1]).shape[1]

    def fill(self, after_picture: Callable[[], None] = lambda: None) -> None:
        """Compute what is not there. An interrupted call goes on where it was.

        Raises:
            ValueError: a feature is too large for float16.
        """
        for picture, file in zip(self._pictures, self._files, strict=True):
            if not file.is_file():
                with torch.inference_mode():
                    rows = self._features.scores(picture.pixels(), picture.windows, _halved)
                if not rows.isfinite().all():
                    raise ValueError(
                        f"features: expected numbers within float16's range for {picture.path}, got larger"
                    )
                with atomic_write(file) as temporary:
                    save_file({"windows": picture.windows, "rows": rows.cpu()}, temporary)
            after_picture()

    def rows(self, picture: int, windows: Tensor) -> Tensor:
        """[R, 4], some windows of a picture -> [R, D] float32.

        Raises:
            ValueError: one is not a window of the picture; or the file is not there, or damaged.
        """
        file = self._files[picture]
        try:
            tensors = load_file(file)
            places = {tuple(window): row for row, window in enumerate(tensors["windows"].tolist())}
            return tensors["rows"][[places[tuple(window)] for window in windows.tolist()]].float()
        except (SafetensorError, KeyError, OSError) as error:
            raise ValueError(f"{file}: not the rows of a picture's windows ({error}); `fill` makes it") from error

    def _key(self, picture: TrainingPicture) -> str:
        digest = hashlib.sha256(self._rules)
        digest.update(b"mirrored" if picture.mirrored else b"upright")
        digest.update(picture.windows.numpy().tobytes())
        digest.update(picture.path.read_bytes())
        return digest.hexdigest()[:20]


def _halved(rows: Tensor) -> Tensor:
    return rows.half()
