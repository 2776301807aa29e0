"""A trained detector on disk: a folder with two files.

* ``detector.json``: ``format`` (1), ``weights_sha256`` (of the other file) and ``config``, `DetectorConfig`'s fields.
* ``detector.safetensors``: the tensors of the detector's `RegionNet` by name: ``backbone.*``, ``head.trunk.*``,
  ``head.score.*``, ``head.box.*``, ``head.row_scale``, ``head.box_std``, and ``proposer.*`` where windows are learned.
  They are float32, or, in half the space, float16 but for vectors and single numbers. The matrices of ``head.trunk`` of
  a detector of precision "int8" are int8, each with its rows' scales beside it, ``head.trunk.fc6.weight_scale``; the
  network gets their products. The file's metadata have the record too ("config", as JSON), so that it says by itself
  what it is.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from spp_ops.datasets.image import IMAGENET_NORMALIZATION
from spp_ops.detection.detectors.config import DetectorConfig, from_data
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.detection.features.int8 import ByteWeights
from spp_ops.engine.config import as_data
from spp_ops.engine.files import atomic_write, write_json
from spp_ops.engine.skeleton import skeleton
from spp_ops.models import known_names

CONFIG_NAME = "detector.json"
WEIGHTS_NAME = "detector.safetensors"
_FORMAT = 1
_IN_BYTES = "head.trunk."  # beginning of the names of what has 8 bits
_SCALE = "_scale"  # end of the names of its scales


def save_detector(
    folder: str | os.PathLike[str], config: DetectorConfig, net: RegionNet, *, half: bool = False
) -> None:
    """Write both files, each atomically; a pair that does not belong together is noticed when it is read.

    Args:
        folder: made if need be.
        config: what `net` was made by.
        net: on any device.
        half: write matrices and kernels as float16.

    Raises:
        ValueError: the record does not give this network's backbone, so that it could not be loaded.
    """
    _refuse_other_backbone(config, net)
    tensors = dict(_stored(net, half=half, in_bytes=config.precision == "int8"))
    content = save(tensors, {"format": "pt", "library": "spp_ops", "config": json.dumps(as_data(config))})
    with atomic_write(Path(folder) / WEIGHTS_NAME) as temporary:
        temporary.write_bytes(content)
    write_json(
        Path(folder) / CONFIG_NAME,
        {"format": _FORMAT, "weights_sha256": hashlib.sha256(content).hexdigest(), "config": as_data(config)},
    )


def weights_digest(path: str | os.PathLike[str]) -> str:
    """Return the hash of a detector's weights, which its record holds; raises as `load_detector` does."""
    return _read_config(_files(path)[0])[0]


def load_detector(
    path: str | os.PathLike[str], backbone: Callable[[], nn.Module] | None = None
) -> tuple[DetectorConfig, RegionNet]:
    """Read what `save_detector` wrote.

    Args:
        path: the folder, or either file in it.
        backbone: makes the backbone of a detector whose `arch` is no known name; its weights are those of the file.

    Returns:
        The record, and the network in float32, in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: one of the files is not there.
        ValueError: they are damaged, don't belong together, or hold something else.
    """
    config_file, weights_file = _files(path)
    digest, config = _read_config(config_file)
    content = weights_file.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{weights_file} is damaged, or not the file that {config_file} belongs to")
    net = _known(config, config_file) if backbone is None else config.build(backbone=backbone())
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError(f"{weights_file} is not a file of tensors: {error}") from error
    _assign(net, _restored(tensors, weights_file), weights_file)
    return config, net.eval()


def _known(config: DetectorConfig, file: Path) -> RegionNet:
    """The network of a known backbone, without memory for its weights."""
    if not config.is_known:
        raise ValueError(
            f"{file}: arch: expected {known_names()}, got {config.arch!r}; "
            "a backbone of your own is given as SPPDetector.load(path, backbone=FUNCTION)"
        )
    try:
        with skeleton():
            return config.build()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file} is not a detector's: {error}") from error


def _refuse_other_backbone(config: DetectorConfig, net: RegionNet) -> None:
    if not config.is_known:
        if net.normalization != (config.normalization or IMAGENET_NORMALIZATION):
            raise ValueError(
                f"normalization: expected the network's in the record, got {config.normalization}; save "
                "detector.changed(normalization=detector.net.normalization)"
            )
        return
    with torch.device("meta"):
        known = config.build()
    # Equal names and shapes of weights are not enough: strides and paddings have none.
    if str(known.backbone) != str(net.backbone) or known.normalization != net.normalization:
        raise ValueError(
            f"backbone: expected that of arch {config.arch!r}, got another one, which could not be loaded again; save "
            "detector.changed(arch='NAME OF YOUR OWN', normalization=detector.net.normalization) and load it with "
            "SPPDetector.load(path, backbone=FUNCTION)"
        )


def _files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The record and the weights of a detector, by its folder or either of them."""
    folder = Path(path)
    folder = folder.parent if folder.name in (CONFIG_NAME, WEIGHTS_NAME) else folder
    for file in (folder / CONFIG_NAME, folder / WEIGHTS_NAME):
        if not file.is_file():
            raise FileNotFoundError(f"no detector at {path}: there is no {file}")
    return folder / CONFIG_NAME, folder / WEIGHTS_NAME


def _stored(net: RegionNet, *, half: bool, in_bytes: bool) -> Iterator[tuple[str, Tensor]]:
    """The network's tensors as they are written."""
    for name, tensor in net.state_dict().items():
        matrix = tensor.ndim > 1 and tensor.is_floating_point()
        if in_bytes and matrix and name.startswith(_IN_BYTES):
            rounded = ByteWeights.of(tensor.cpu())
            yield name, rounded.numbers.contiguous()
            yield name + _SCALE, rounded.scale.contiguous()
        else:
            yield name, tensor.detach().to("cpu", torch.float16 if half and matrix else tensor.dtype).contiguous()


def _restored(tensors: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    """Those written in 8 bits as the numbers that they stand for; a scale without such remains."""
    restored = dict(tensors)
    for name, tensor in tensors.items():
        if tensor.dtype == torch.int8:
            scale = restored.pop(name + _SCALE, None)
            if scale is None or scale.shape != tensor.shape[:1]:
                raise ValueError(f"{file}: {name} is of 8 bits, without {name + _SCALE} for its rows")
            restored[name] = ByteWeights(tensor, scale.float()).restored()
    return restored


def _read_config(file: Path) -> tuple[str, DetectorConfig]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']}, expected {_FORMAT}")
        return content["weights_sha256"], from_data(content["config"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{file} is not a detector's: {reason}") from error


def _assign(net: RegionNet, tensors: dict[str, Tensor], file: Path) -> None:
    """Give a network without memory these tensors, in the types it has."""
    wanted = net.state_dict()
    odd = sorted(wanted.keys() ^ tensors.keys())
    if odd:
        raise ValueError(f"{file}: {'no' if odd[0] in wanted else 'unexpected'} tensor {odd[0]}")
    for name, like in wanted.items():
        tensor = tensors[name]
        if tensor.shape != like.shape:
            raise ValueError(f"{file}: {name} is {list(tensor.shape)}, expected {list(like.shape)}")
        if not tensor.isfinite().all():
            raise ValueError(f"{file}: {name} holds a NaN or inf")
    net.load_state_dict({name: tensors[name].to(like.dtype) for name, like in wanted.items()}, assign=True)
