"""A trained detector on disk: a folder with two files.

* ``detector.json``: ``format`` (1), ``weights_sha256`` (of the other file) and ``config``, `DetectorConfig`'s fields.
* ``detector.safetensors``: the tensors of the detector's `RegionNet` by name: ``backbone.*``, ``head.trunk.*``,
  ``head.score.*``, ``head.box.*``, ``head.row_scale``, ``head.box_std``. They are float32, or, in half the space,
  float16 but for vectors and single numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from spp_ops.detection.detectors.config import DetectorConfig, from_data
from spp_ops.detection.detectors.network import RegionNet
from spp_ops.engine.config import as_data
from spp_ops.engine.files import atomic_write, write_json

CONFIG_NAME = "detector.json"
WEIGHTS_NAME = "detector.safetensors"
_FORMAT = 1


def save_detector(
    folder: str | os.PathLike[str], config: DetectorConfig, net: RegionNet, *, half: bool = False
) -> None:
    """Write both files, each atomically; a pair that does not belong together is noticed when it is read.

    Args:
        folder: made if need be.
        config: what `net` was made by.
        net: on any device.
        half: write matrices and kernels as float16.
    """
    tensors = {name: _stored(tensor, half) for name, tensor in net.state_dict().items()}
    content = save(tensors)
    with atomic_write(Path(folder) / WEIGHTS_NAME) as temporary:
        temporary.write_bytes(content)
    write_json(
        Path(folder) / CONFIG_NAME,
        {"format": _FORMAT, "weights_sha256": hashlib.sha256(content).hexdigest(), "config": as_data(config)},
    )


def weights_digest(path: str | os.PathLike[str]) -> str:
    """Return the hash of a detector's weights, which its record holds; raises as `load_detector` does."""
    return _read_config(_files(path)[0])[0]


def load_detector(path: str | os.PathLike[str]) -> tuple[DetectorConfig, RegionNet]:
    """Read what `save_detector` wrote.

    Args:
        path: the folder, or either file in it.

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
    try:
        with torch.device("meta"):
            net = config.build()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{config_file} is not a detector's: {error}") from error
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError(f"{weights_file} is not a file of tensors: {error}") from error
    _assign(net, tensors, weights_file)
    return config, net.eval()


def _files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The record and the weights of a detector, by its folder or either of them."""
    folder = Path(path)
    folder = folder.parent if folder.name in (CONFIG_NAME, WEIGHTS_NAME) else folder
    for file in (folder / CONFIG_NAME, folder / WEIGHTS_NAME):
        if not file.is_file():
            raise FileNotFoundError(f"no detector at {path}: there is no {file}")
    return folder / CONFIG_NAME, folder / WEIGHTS_NAME


def _stored(tensor: Tensor, half: bool) -> Tensor:
    narrow = half and tensor.ndim > 1 and tensor.is_floating_point()
    return tensor.detach().to("cpu", torch.float16 if narrow else tensor.dtype).contiguous()


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
