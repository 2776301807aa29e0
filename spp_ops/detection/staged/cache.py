"""Feature maps of the training images, kept on disk: while the convolutions stay as they are, they run once.

One file an image and scale, ``FOLDER/NAME-SCALE-KEY.safetensors``. The key is a hash of the image's bytes, the
convolutions' weights and all that decides the map: a folder can serve runs of other scales, pyramids and classes, and
maps of other settings are never taken for these. A file holds ``map`` [h, w, C] and ``image_scale``, float64 [2] (x,
y): the size of the resized image relative to the original.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from spp_ops._core.checks import level_pairs
from spp_ops.detection.features.regions import RegionFeatures, ScaledMaps
from spp_ops.detection.staged.samples import TrainingSample
from spp_ops.engine.files import atomic_write

MapKind: TypeAlias = Literal["float16", "bfloat16", "float32"]
_RULES = 1  # goes up when the same image and settings would give other maps


class MapStore:
    """Reads the maps of images, and computes and keeps those that are not there.

    Args:
        regions: what computes maps; its backbone is in evaluation mode and on the device to be used.
        folder: of the files; made if need be.
        kind: of the numbers on disk.
    """

    def __init__(self, regions: RegionFeatures, folder: Path, kind: MapKind = "float16") -> None:
        self._regions = regions
        self._folder = folder
        self._dtype: torch.dtype = getattr(torch, kind)
        rules = [_RULES, regions.longest, str(regions.normalization), kind, hash_of(regions.backbone)]
        self._rules = json.dumps(rules).encode()

    def paths(self, image: TrainingSample) -> list[Path]:
        """The files of an image's maps, there or not, one a scale."""
        digest = hashlib.sha256(self._rules)
        digest.update(b"mirrored" if image.flipped else b"upright")
        digest.update(image.path.read_bytes())
        name, key = image.path.stem, digest.hexdigest()[:20]
        return [self._folder / f"{name}-{scale}-{key}.safetensors" for scale in self._regions.scales]

    def fill(
        self, images: Sequence[TrainingSample], after_image: Callable[[], None] = lambda: None
    ) -> list[list[Path]]:
        """Compute what is not there. An interrupted call goes on where it was.

        Returns:
            For each image the files of its maps.
        """
        files = []
        for image in images:
            paths = self.paths(image)
            if not all(path.is_file() for path in paths):
                self._compute(image, paths)
            files.append(paths)
            after_image()
        return files

    def load(self, paths: Sequence[Path]) -> ScaledMaps:
        """Read the maps of one image onto the device of the backbone.

        Raises:
            ValueError: a file is damaged.
        """
        device = _device(self._regions.backbone)
        maps, projections, image_scales = [], [], []
        for path in paths:
            try:
                tensors = load_file(path)
                maps.append(tensors["map"].permute(2, 0, 1)[None].to(device))
                x, y = tensors["image_scale"].tolist()
            except (SafetensorError, KeyError, ValueError, OSError) as error:
                raise ValueError(f"{path}: not an image's map ({error}); delete it to have it made again") from error
            projections.append(self._regions.project((x, y)))
            image_scales.append((x, y))
        return ScaledMaps(maps, projections, image_scales)

    @torch.inference_mode()
    def _compute(self, image: TrainingSample, paths: Sequence[Path]) -> None:
        for resized, path in zip(self._regions.resized(image.pixels()), paths, strict=True):
            if path.is_file():
                continue
            exact = self._regions.maps([resized]).maps[0]
            kept = exact[0].permute(1, 2, 0).to("cpu", self._dtype).contiguous()
            if exact.isfinite().all() and not kept.isfinite().all():
                raise ValueError(f"maps: expected float32, as features of {image.path} exceed {self._dtype}")
            tensors = {"map": kept, "image_scale": torch.tensor(resized[1], dtype=torch.float64)}
            with atomic_write(path) as temporary:
                save_file(tensors, temporary)


class MapRows:
    """Rows of windows pooled from stored maps: a `RowSource`.

    Attributes:
        size: D.

    Args:
        store: of the maps.
        regions: pools; its pyramid need not be known when the maps are computed.
        files: of the images' maps, as `MapStore.fill` gives them.
    """

    def __init__(self, store: MapStore, regions: RegionFeatures, files: Sequence[Sequence[Path]]) -> None:
        bins = sum(rows * columns for rows, columns in level_pairs(regions.levels))
        self.size = store.load(files[0]).maps[0].shape[1] * bins
        self._store = store
        self._regions = regions
        self._files = files

    @torch.inference_mode()
    def rows(self, image: int, windows: Tensor) -> Tensor:
        """[R, 4] windows of an image -> [R, D] float32."""
        return self._regions.pool(self._store.load(self._files[image]), windows).float()


def hash_of(module: nn.Module) -> str:
    """A hash of what a module is made of and of its tensors."""
    digest = hashlib.sha256(str(module).encode())
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _device(module: nn.Module) -> torch.device:
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
