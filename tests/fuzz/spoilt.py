"""Calls with something wrong: each is refused by one clear line, or was harmless and gives what the reference gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from agreement import assert_same
from strategies import Case
from torch import Tensor

import spp_ops
from spp_ops import reference
from spp_ops.projection import Projection

NAN, INF = float("nan"), float("inf")
ARGUMENTS = ("features", "rois", "levels", "projection", "map_index", "target_area", "out")


def check_spoilt_call(case: Case, rng: random.Random) -> None:
    """Spoil one argument or two of a valid call."""
    call: dict[str, Any] = {
        "features": case.maps if len(case.maps) > 1 else case.maps[0],
        "rois": case.rois,
        "levels": case.levels,
        "projection": case.projections,
        "map_index": case.map_index,
        "target_area": case.target_area,
    }
    spoilt = rng.sample(ARGUMENTS, rng.choice([1, 1, 1, 2]))
    call |= {argument: _spoil(argument, call, rng) for argument in spoilt}
    actual = _outcome(spp_ops.roi_spatial_pyramid_pool, call)
    if isinstance(actual, Exception):
        check_refusal(actual, ARGUMENTS)
    elif _elements(call) < 200_000:
        expected = _outcome(reference.roi_spatial_pyramid_pool, call)
        assert not isinstance(expected, Exception), f"the reference refuses what the operator takes: {expected}"
        assert_same(actual, expected)


def _outcome(function: Callable[..., Tensor], call: dict[str, Any]) -> Tensor | Exception:
    try:
        return function(**call)
    except (TypeError, ValueError) as error:
        return error


def check_refusal(error: Exception, arguments: tuple[str, ...]) -> None:
    """One line that begins with an argument's name and says what was expected."""
    message = str(error)
    assert "\n" not in message, f"more than one line: {message!r}"
    assert message.startswith(arguments), f"names no argument: {message!r}"
    assert ": " in message, f"says not what was expected: {message!r}"


def _elements(call: dict[str, Any]) -> int:
    rois = call["rois"]
    rows = len(rois) if isinstance(rois, Tensor) else sum(len(each) for each in rois)
    return int(rows * sum(n * n if isinstance(n, int) else n[0] * n[1] for n in call["levels"]))


def anything(rng: random.Random) -> Any:
    """Something that no argument is."""
    return rng.choice(
        [
            None,
            0,
            -1,
            2**63,
            1.5,
            NAN,
            "text",
            b"bytes",
            object(),
            {},
            [],
            (),
            [[]],
            True,
            1j,
            range(3),
            torch.ones(()),
        ]
    )


def _spoil(argument: str, call: dict[str, Any], rng: random.Random) -> Any:
    value = call.get(argument)
    if rng.random() < 0.25:
        return anything(rng)
    if argument in ("features", "rois", "map_index") and isinstance(value, Tensor):
        return spoil_tensor(value, rng)
    if argument in ("features", "projection") and isinstance(value, list) and value:
        value = list(value)
        other = spoil_tensor(value[0], rng) if isinstance(value[0], Tensor) else rng.choice(NUMBERS)
        return rng.choice([[*value, other], [*value[:-1], other], value * 17, value[1:], [value]])
    if argument == "levels":
        wrong = rng.choice(
            [0, -3, 2**40, 2**70, 5000, 2.0, NAN, None, "3", True, (1, 2, 3), (0, 1), (2, 2**33), (1,), [2, 3]]
        )
        return rng.choice(
            [(*call["levels"], wrong), [wrong], wrong, list(call["levels"]), torch.Size([3, 1]), (1,) * 17]
        )
    if argument == "projection" and rng.random() < 0.5:
        return _spoilt_rule(rng)
    if argument in ("target_area", "projection"):
        return rng.choice(NUMBERS)
    return _spoilt_out(call, rng)


NUMBERS: list[Any] = [0, -1.0, NAN, INF, 1e300, 1e-300, 5, 0.5, "0.5", None, True, torch.tensor(0.5), (0.5, 0.5)]


def _spoilt_rule(rng: random.Random) -> Projection:
    """A rule put together from parts, one of which is out of place."""
    good = Projection.floor_ceil(2)
    name = rng.choice(["x", "low", "fit", "image_scale", "stride", "offset", "shift", "round_op"])
    wrong = {name: rng.choice([*NUMBERS, 2**40, -(2**31), object()])}
    if name in ("x", "fit"):
        return replace(good, name="custom", **wrong)
    if name in ("low", "image_scale", "stride"):
        return Projection(replace(good.x, **wrong), good.y, good.fit)
    return Projection(replace(good.x, low=replace(good.x.low, **wrong)), good.y, good.fit)


def spoil_tensor(tensor: Tensor, rng: random.Random) -> Any:
    makers: list[Callable[[Tensor], Any]] = [
        lambda t: t[None],
        lambda t: t[0] if len(t) else t,
        lambda t: t[:0],
        lambda t: t[..., :0],
        lambda t: t[..., :-1],
        lambda t: torch.cat([t, t]),
        lambda t: t.to("meta"),
        lambda t: t.to_sparse(),
        lambda t: t.to(rng.choice([torch.int64, torch.bool, torch.complex64, torch.float8_e5m2, torch.uint8])),
        lambda t: t.to(rng.choice([torch.float64, torch.float16, torch.int32])),
        lambda t: t.clone().requires_grad_() if t.is_floating_point() else t + 2**31,
        lambda t: t.numpy() if t.dtype != torch.bfloat16 else t.tolist(),
        lambda t: [t, t],
        list,
        lambda t: _with_a_bad_number(t, rng),
        lambda t: torch.nn.Parameter(t, requires_grad=False),
        lambda t: torch.quantize_per_tensor(t.float(), 0.1, 0, torch.qint8),
        lambda t: t.expand(2, *t.shape).transpose(0, 1),
    ]
    return rng.choice(makers)(tensor)


def _with_a_bad_number(tensor: Tensor, rng: random.Random) -> Tensor:
    tensor = tensor.contiguous().clone()
    if tensor.numel():
        bad = [NAN, INF, -INF, -1.0, 0.5, 3e38, 1e9] if tensor.is_floating_point() else [-1, 99, 2**7 - 1]
        place = rng.randrange(tensor.numel())
        tensor.view(-1)[place] = torch.tensor(rng.choice(bad)).to(tensor.dtype)
    return tensor


def _spoilt_out(call: dict[str, Any], rng: random.Random) -> Any:
    """A tensor to write into that may or may not do; under gradients where features want them."""
    rois, features = call["rois"], call["features"]
    features = features[0] if isinstance(features, list) else features
    bins = sum(n * n if isinstance(n, int) else n[0] * n[1] for n in call["levels"])
    rows, columns = len(rois), min(features.shape[1] * bins, 1_000_000)
    dtype = features.dtype if features.layout == torch.strided and not features.is_quantized else torch.float32
    good = torch.empty(rows, columns, dtype=dtype, device=rng.choice(["cpu", "cpu", "cpu", "meta"]))
    return rng.choice(
        [
            good,
            good.t(),
            good[:, :-1],
            good.double(),
            good.int(),
            good[:1].expand(rows, columns) if rows else good,
            good.flatten()[: max(0, good.numel() - rows + 1)].as_strided((rows, columns), (columns - 1, 1))
            if rows and columns and good.device.type == "cpu"
            else good,
            torch.empty(columns, rows, dtype=dtype).t(),
            good.clone().requires_grad_(),
            good.to_sparse() if good.device.type == "cpu" else good,
        ]
    )
