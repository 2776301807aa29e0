"""The operators on CPU tensors, served by the CUDA sources on the host instead of the CPU kernels.

A pytest plugin: with ``-p cuda_operators`` the tests that run on every device run on these kernels, and no others do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from cuda_cases import HOST, TYPES
from numpy.typing import NDArray
from torch import Tensor

PROJECTION_NUMBERS = 17
CALLS = {"forward": 0, "backward": 0, "gather": 0}


def array_of(tensor: Tensor) -> NDArray[Any]:
    """The tensor's own memory and strides; what NumPy lacks as bits."""
    bits = {torch.bfloat16: torch.uint16, torch.int16: torch.uint16}.get(tensor.dtype, tensor.dtype)
    array: NDArray[Any] = tensor.detach().view(bits).numpy()
    return array


def tensor_of(array: NDArray[Any], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(array).view(dtype)


def type_of(tensor: Tensor) -> int:
    return TYPES[str(tensor.dtype).removeprefix("torch.")]


def pairs(levels: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(levels[::2], levels[1::2], strict=True))


def run_forward(
    features: list[Tensor],
    rois: Tensor,
    map_index: Tensor | None,
    levels: list[int],
    projections: list[float],
    target_area: float,
    index: str | None,
) -> tuple[Any, Any, Any]:
    CALLS["forward"] += 1
    result: tuple[Any, Any, Any] = HOST.forward(
        [array_of(each) for each in features],
        type_of(features[0]),
        np.array(projections).reshape(-1, PROJECTION_NUMBERS).tolist(),
        array_of(rois),
        type_of(rois),
        None if map_index is None else array_of(map_index),
        target_area,
        pairs(levels),
        index,
    )
    return result


def pool(features: list[Tensor], *others: Any) -> Tensor:
    return tensor_of(run_forward(features, *others, index=None)[0], features[0].dtype)


def pool_out(features: list[Tensor], *others_and_out: Any) -> None:
    *others, out = others_and_out
    out.copy_(pool(features, *others))


def pool_with_indices(features: list[Tensor], *others: Any) -> tuple[Tensor, Tensor, Tensor]:
    small = max(each.shape[2] * each.shape[3] for each in features) <= np.iinfo(np.uint16).max
    output, indices, sources = run_forward(features, *others, index="uint16" if small else "int32")
    index_type = torch.int16 if small else torch.int32
    return tensor_of(output, features[0].dtype), tensor_of(indices, index_type), torch.from_numpy(sources)


def backward(
    grad: Tensor,
    indices: Tensor,
    sources: Tensor,
    levels: list[int],
    shape: list[int],
    channels_last: list[int],
    deterministic: bool,
) -> list[Tensor]:
    CALLS["backward"] += 1
    images, channels, *sizes = shape
    form = (pairs(levels), pairs(sizes), images, channels)
    numbers = (array_of(indices), array_of(sources), *form, deterministic, channels_last)
    return [tensor_of(each, grad.dtype) for each in HOST.backward(array_of(grad), type_of(grad), *numbers)]


def gather(maps: list[Tensor], indices: Tensor, sources: Tensor, levels: list[int]) -> Tensor:
    CALLS["gather"] += 1
    arrays = [array_of(each) for each in maps]
    picked = HOST.gather(arrays, type_of(maps[0]), array_of(indices), array_of(sources), pairs(levels))
    return tensor_of(picked, maps[0].dtype)


def pytest_configure() -> None:
    import spp_ops  # noqa: F401  # registers what is replaced

    library = torch.library.Library("spp_ops", "IMPL")
    for name, kernel in (
        ("", pool),
        ("_inference", pool),
        ("_out", pool_out),
        ("_with_indices", pool_with_indices),
        ("_backward", backward),
        ("_gather", gather),
    ):
        library.impl(f"roi_spatial_pyramid_pool{name}", kernel, "CPU", allow_override=True)
    pytest_configure.library = library  # type: ignore[attr-defined]  # ends with its last reference


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what runs on every device, once: threads are the CPU kernels'."""

    def wanted(item: pytest.Item) -> bool:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        return parameters.get("device") == "cpu" and parameters.get("threads", 1) == 1

    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = [item for item in items if wanted(item)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"CUDA sources on the host: {CALLS}")
