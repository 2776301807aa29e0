"""Argument checks of the public functions: one line that names the argument, the value and what was expected."""

from collections.abc import Sequence
from numbers import Real
from typing import TypeAlias

import torch
from torch import Tensor

Levels: TypeAlias = Sequence[int | tuple[int, int]]

FLOAT_TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTEGER_TYPES = (
    *(torch.int64, torch.int32, torch.int16, torch.int8),
    *(torch.uint64, torch.uint32, torch.uint16, torch.uint8),
)
MAX_LEVELS = 16  # csrc/kernels/portable.h
MAX_MAPS = 16
MAX_BINS = 2**24
MAX_CELLS = 2**31 - 1


def _dtype_error(name: str, tensor: Tensor) -> TypeError:
    return TypeError(f"{name}: expected float16, bfloat16, float32 or float64, got {tensor.dtype}")


def require_strided(name: str, tensor: Tensor) -> None:
    """Raise a ValueError for sparse tensors and other layouts without strides."""
    if tensor.layout != torch.strided:
        raise ValueError(f"{name}: expected a dense tensor, got layout {tensor.layout}")


def level_pairs(levels: Levels) -> list[tuple[int, int]]:
    """(rows, columns) of every level.

    Raises:
        TypeError: A level is neither an int nor a pair of ints.
        ValueError: There is no level, a level has no bin, or there are too many of either.
    """
    if isinstance(levels, int) or not isinstance(levels, Sequence) or isinstance(levels, str):
        raise TypeError(f"levels: expected a sequence of ints or (rows, columns) pairs, got {levels!r}")
    if not 1 <= len(levels) <= MAX_LEVELS:
        raise ValueError(f"levels: expected 1 to {MAX_LEVELS} levels, got {len(levels)}")
    pairs = []
    for level in levels:
        pair = (level, level) if isinstance(level, int) else tuple(level) if isinstance(level, Sequence) else ()
        if len(pair) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) for n in pair):
            raise TypeError(f"levels: expected ints or (rows, columns) pairs of ints, got {level!r}")
        if min(pair) < 1:
            raise ValueError(f"levels: expected positive numbers of bins, got {level!r}")
        pairs.append((int(pair[0]), int(pair[1])))
    bins = sum(rows * columns for rows, columns in pairs)
    if bins > MAX_BINS:
        raise ValueError(f"levels: expected at most {MAX_BINS} bins in all, got {bins}")
    return pairs


def maps(features: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """The feature maps as a list, one an image scale.

    Raises:
        TypeError: Not tensors, or not of a supported float dtype.
        ValueError: Not [N, C, H, W], no cells, or maps that differ in N, C, dtype or device.
    """
    if isinstance(features, Tensor):
        features = [features]
    if not isinstance(features, Sequence) or not all(isinstance(m, Tensor) for m in features):
        raise TypeError(f"features: expected a Tensor or a sequence of Tensors, got {type(features).__name__}")
    if not 1 <= len(features) <= MAX_MAPS:
        raise ValueError(f"features: expected 1 to {MAX_MAPS} maps, got {len(features)}")
    first = features[0]
    for m in features:
        require_strided("features", m)
        if m.dim() != 4:
            raise ValueError(f"features: expected [N, C, H, W], got shape {list(m.shape)}")
        if m.dtype not in FLOAT_TYPES:
            raise _dtype_error("features", m)
        if m.size(2) < 1 or m.size(3) < 1 or m.size(2) * m.size(3) > MAX_CELLS:
            raise ValueError(f"features: expected 1 to {MAX_CELLS} cells a map, got shape {list(m.shape)}")
        if m.dtype != first.dtype:
            raise TypeError(f"features: expected one dtype for all maps, got {first.dtype} and {m.dtype}")
        if m.device != first.device or m.shape[:2] != first.shape[:2]:
            raise ValueError(
                "features: expected one N, C and device for all maps, got "
                f"{list(first.shape)} on {first.device} and {list(m.shape)} on {m.device}"
            )
    return list(features)


def one_map(features: Tensor) -> Tensor:
    """Check the map that is to be pooled whole.

    Raises:
        TypeError, ValueError: As `maps`, or several maps.
    """
    if not isinstance(features, Tensor):
        raise TypeError(f"features: expected a Tensor, got {type(features).__name__}")
    return maps(features)[0]


def boxes(rois: Tensor | Sequence[Tensor], features: Tensor) -> Tensor:
    """`rois` as one [R, 5] tensor; a sequence of N tensors [R_i, 4] gets the image index as first column.

    Raises:
        TypeError: Not tensors, or not of a supported float dtype.
        ValueError: Wrong shape, number of images or device.
    """
    if isinstance(rois, Tensor):
        require_strided("rois", rois)
        if rois.dim() != 2 or rois.size(1) != 5:
            raise ValueError(f"rois: expected [R, 5] (image index, x1, y1, x2, y2), got shape {list(rois.shape)}")
        together = rois
    else:
        together = _boxes_of_images(rois, features)
    if together.dtype not in FLOAT_TYPES:
        raise _dtype_error("rois", together)
    if together.device != features.device:
        raise ValueError(f"rois: expected device {features.device}, that of features, got {together.device}")
    return together


def _boxes_of_images(rois: Sequence[Tensor], features: Tensor) -> Tensor:
    if not isinstance(rois, Sequence) or not all(isinstance(r, Tensor) for r in rois):
        raise TypeError(f"rois: expected a Tensor or a sequence of Tensors, got {type(rois).__name__}")
    if len(rois) != features.size(0):
        raise ValueError(f"rois: expected {features.size(0)} tensors, one an image of features, got {len(rois)}")
    for r in rois:
        require_strided("rois", r)
        if r.dim() != 2 or r.size(1) != 4:
            raise ValueError(f"rois: expected tensors [R_i, 4] (x1, y1, x2, y2), got shape {list(r.shape)}")
        if r.dtype not in FLOAT_TYPES:
            raise _dtype_error("rois", r)
        if r.dtype != rois[0].dtype or r.device != rois[0].device:
            raise ValueError("rois: expected one dtype and device for all images")
    if not rois:
        return features.new_empty(0, 5, dtype=torch.float32)
    dtype = rois[0].dtype
    # float16 and bfloat16 cannot count many images; float32 holds their corners exactly.
    wide = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
    return torch.cat([torch.nn.functional.pad(r.to(wide), (1, 0), value=float(i)) for i, r in enumerate(rois)])


def chosen_maps(map_index: Tensor | None, rois: Tensor) -> Tensor | None:
    """`map_index` as contiguous int64.

    Raises:
        TypeError: Not a tensor of an integer dtype.
        ValueError: Not [R], or on another device than rois.
    """
    if map_index is None:
        return None
    if not isinstance(map_index, Tensor):
        raise TypeError(f"map_index: expected a Tensor, got {type(map_index).__name__}")
    require_strided("map_index", map_index)
    if map_index.dtype not in INTEGER_TYPES:
        raise TypeError(f"map_index: expected an integer dtype, got {map_index.dtype}")
    if map_index.shape != rois.shape[:1]:
        raise ValueError(f"map_index: expected [R] = [{rois.size(0)}], got shape {list(map_index.shape)}")
    if map_index.device != rois.device:
        raise ValueError(f"map_index: expected device {rois.device}, that of rois, got {map_index.device}")
    return map_index.to(torch.int64).contiguous()


def output(out: Tensor, features: Tensor, rows: int, columns: int) -> None:
    """Check `out`.

    Raises:
        TypeError: Not a tensor of the dtype of features.
        ValueError: Wrong shape, strides or device, or a derivative is wanted of what is written.
    """
    if not isinstance(out, Tensor):
        raise TypeError(f"out: expected a Tensor, got {type(out).__name__}")
    if out.dtype != features.dtype:
        raise TypeError(f"out: expected {features.dtype}, the dtype of features, got {out.dtype}")
    if list(out.shape) != [rows, columns]:
        raise ValueError(f"out: expected shape {[rows, columns]}, got {list(out.shape)}")
    if out.device != features.device:
        raise ValueError(f"out: expected device {features.device}, that of features, got {out.device}")
    require_strided("out", out)
    if columns > 1 and out.stride(1) != 1:
        raise ValueError(f"out: expected contiguous rows, got strides {out.stride()}")
    if rows > 1 and out.stride(0) < columns:
        raise ValueError(f"out: expected rows that do not overlap, got strides {out.stride()}")
    if torch.is_grad_enabled() and (features.requires_grad or out.requires_grad):
        raise ValueError("out: is for inference; call under torch.no_grad(), or leave it out to get gradients")


def positive(name: str, value: float) -> float:
    """`value` as a float.

    Raises:
        TypeError: Not a number.
        ValueError: Not positive and finite.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError(f"{name}: expected a positive finite number, got {value!r}")
    return number
