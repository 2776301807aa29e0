"""Argument checks of the public functions: one line that names the argument, the value and what was expected."""

import math
import reprlib
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.masked import MaskedTensor

from spp_ops._core.limits import LIMITS

Levels: TypeAlias = Sequence[int | tuple[int, int]]

FLOAT_TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_COUNTABLE = {dtype: int(2 / torch.finfo(dtype).eps) for dtype in FLOAT_TYPES}  # whole numbers without a gap
INTEGER_TYPES = (
    *(torch.int64, torch.int32, torch.int16, torch.int8),
    *(torch.uint64, torch.uint32, torch.uint16, torch.uint8),
)


def shown(value: object) -> str:
    """A value as part of a message: one line, however large it is."""
    try:
        text = reprlib.repr(value)
    except Exception:  # whatever the repr of a stranger's object raises; Python's, of an int of too many digits
        text = f"a value of {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _dtype_error(name: str, tensor: Tensor) -> TypeError:
    return TypeError(f"{name}: expected float16, bfloat16, float32 or float64, got {tensor.dtype}")


def require_strided(name: str, tensor: Tensor) -> None:
    """Raise a ValueError for sparse, nested, masked and distributed tensors and other layouts without strides."""
    if tensor.is_nested or isinstance(tensor, MaskedTensor):
        raise ValueError(f"{name}: expected a dense tensor, got a {'nested' if tensor.is_nested else 'masked'} one")
    if type(tensor) is not Tensor and hasattr(tensor, "device_mesh"):
        raise ValueError(
            f"{name}: expected the tensor of one process, got a {type(tensor).__name__}; pool what to_local() gives: "
            "rows of rois and channels of features are pooled apart"
        )
    if tensor.layout != torch.strided:
        raise ValueError(f"{name}: expected a dense tensor, got layout {tensor.layout}")


def level_pairs(levels: int | Levels) -> list[tuple[int, int]]:
    """(rows, columns) of every level; NumPy's ints and arrays count as ints and sequences, one int as one level.

    Raises:
        TypeError: A level is neither an int nor a pair of ints.
        ValueError: There is no level, a level has no bin, or there are too many of either.
    """
    each = [levels] if _is_int(levels) else levels
    if not is_sequence(each):
        raise TypeError(f"levels: expected a sequence of ints or (rows, columns) pairs, got {shown(levels)}")
    if not 1 <= len(each) <= LIMITS.levels:
        raise ValueError(f"levels: expected 1 to {LIMITS.levels} levels, got {len(each)}")
    pairs = []
    for level in each:
        pair = (level, level) if _is_int(level) else tuple(level) if is_sequence(level) else ()
        if len(pair) != 2 or not all(map(_is_int, pair)):
            raise TypeError(f"levels: expected ints or (rows, columns) pairs of ints, got {shown(level)}")
        if min(pair) < 1:
            raise ValueError(f"levels: expected positive numbers of bins, got {shown(level)}")
        pairs.append((int(pair[0]), int(pair[1])))
    bins = sum(rows * columns for rows, columns in pairs)
    if bins > LIMITS.bins:
        raise ValueError(f"levels: expected at most {LIMITS.bins} bins in all, got {shown(bins)}")
    return pairs


def level_tuple(levels: int | Levels) -> tuple[int | tuple[int, int], ...]:
    """Checked levels as they are kept: plain ints and pairs of them."""
    return tuple(rows if rows == columns else (rows, columns) for rows, columns in level_pairs(levels))


def _is_int(value: object) -> TypeGuard[int]:
    return type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool))


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is a list of some kind: a Python sequence that is no text, or a NumPy array."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str)


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
    if not 1 <= len(features) <= LIMITS.maps:
        raise ValueError(f"features: expected 1 to {LIMITS.maps} maps, got {len(features)}")
    first = features[0]
    for m in features:
        require_strided("features", m)
        if m.dim() != 4:
            raise ValueError(f"features: expected [N, C, H, W], got shape {list(m.shape)}")
        if m.dtype not in FLOAT_TYPES:
            raise _dtype_error("features", m)
        if m.size(2) < 1 or m.size(3) < 1 or m.size(2) * m.size(3) > LIMITS.cells:
            raise ValueError(f"features: expected 1 to {LIMITS.cells} cells a map, got shape {list(m.shape)}")
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
        ValueError: Wrong shape, number of images or device; no boxes of corners; or of a dtype that cannot count the
            images.
    """
    if isinstance(rois, Tensor):
        _require_corners(rois)
        if rois.dim() != 2 or rois.size(1) != 5:
            raise ValueError(f"rois: expected [R, 5] (image index, x1, y1, x2, y2), got shape {list(rois.shape)}")
        together = _floats(rois)
        _require_indices(together.dtype, features.size(0))
    else:
        together = _boxes_of_images(rois, features)
    if together.device != features.device:
        raise ValueError(f"rois: expected device {features.device}, that of features, got {together.device}")
    return together


def _boxes_of_images(rois: Sequence[Tensor], features: Tensor) -> Tensor:
    if not isinstance(rois, Sequence) or not all(isinstance(r, Tensor) for r in rois):
        raise TypeError(f"rois: expected a Tensor or a sequence of Tensors, got {type(rois).__name__}")
    if len(rois) != features.size(0):
        raise ValueError(f"rois: expected {features.size(0)} tensors, one an image of features, got {len(rois)}")
    dtype = torch.float32  # the least: float16 and bfloat16 cannot count many images
    for r in rois:
        _require_corners(r)
        if r.dim() != 2 or r.size(1) != 4:
            raise ValueError(f"rois: expected tensors [R_i, 4] (x1, y1, x2, y2), got shape {list(r.shape)}")
        if r.device != rois[0].device:
            raise ValueError(f"rois: expected one device for all images, got {rois[0].device} and {r.device}")
        dtype = torch.promote_types(dtype, _floats(r).dtype)
    if not rois:
        return features.new_empty(0, 5, dtype=dtype)
    return torch.cat([torch.nn.functional.pad(r.to(dtype), (1, 0), value=float(i)) for i, r in enumerate(rois)])


def _floats(rois: Tensor) -> Tensor:
    """Boxes of a supported float dtype; without any boxes the dtype says nothing, and is taken to be float32."""
    if rois.dtype in FLOAT_TYPES:
        return rois
    if rois.size(0) == 0:
        return rois.to(torch.float32)
    raise _dtype_error("rois", rois)


def _require_corners(rois: Tensor) -> None:
    """Raise a ValueError for what is no dense tensor, and for boxes that say themselves they are no x1, y1, x2, y2."""
    require_strided("rois", rois)
    said = None if type(rois) is Tensor else getattr(rois, "format", None)  # of torchvision.tv_tensors.BoundingBoxes
    name = getattr(said, "name", said)
    if isinstance(name, str) and name.upper() != "XYXY":
        raise ValueError(
            f"rois: expected corners x1, y1, x2, y2, got {type(rois).__name__} in format {name}; "
            'torchvision.transforms.v2.functional.convert_bounding_box_format(..., new_format="XYXY") converts them'
        )


def _require_indices(dtype: torch.dtype, images: int) -> None:
    """Raise a ValueError where not every image's index is a number of `dtype`: it would name another image."""
    if torch.compiler.is_compiling() and dtype not in (torch.float16, torch.bfloat16):
        return  # it would be a bound on the sizes that a graph serves
    if images > _COUNTABLE[dtype] + 1:
        raise ValueError(
            f"rois: expected a wider dtype than {dtype}, which counts images to {_COUNTABLE[dtype]} only, "
            f"as features hold {images}; corners alone, one tensor an image, may have it"
        )


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


def output(out: Tensor, features: Tensor, dtype: torch.dtype, rows: int, columns: int) -> None:
    """Check `out`; the operator sees to derivatives and memory that is shared.

    Raises:
        TypeError: Not a tensor of `dtype`, that of the result without it.
        ValueError: Wrong shape, strides or device.
    """
    if not isinstance(out, Tensor):
        raise TypeError(f"out: expected a Tensor, got {type(out).__name__}")
    if out.dtype != dtype:
        whose = "of features" if dtype == features.dtype else "that autocast gives features"
        raise TypeError(f"out: expected {dtype}, the dtype {whose}, got {out.dtype}")
    if list(out.shape) != [rows, columns]:
        raise ValueError(f"out: expected shape {[rows, columns]}, got {list(out.shape)}")
    if out.device != features.device:
        raise ValueError(f"out: expected device {features.device}, that of features, got {out.device}")
    require_strided("out", out)
    if columns > 1 and out.stride(1) != 1:
        raise ValueError(f"out: expected contiguous rows, got strides {out.stride()}")
    if rows > 1 and out.stride(0) < columns:
        raise ValueError(f"out: expected rows that do not overlap, got strides {out.stride()}")


def positive(name: str, value: float) -> float:
    """`value` as a float.

    Raises:
        TypeError: Not a number.
        ValueError: Not positive and finite.
    """
    number = as_float(name, value)
    if not 0 < number < float("inf"):
        raise ValueError(f"{name}: expected a positive finite number, got {shown(value)}")
    return number


def as_float(name: str, value: Any) -> float:
    """`value` as a float; what is too large for one is infinite.

    Raises:
        TypeError: Not a number.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value == abs(value) else -math.inf
