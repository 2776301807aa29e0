"""Bad input: a TypeError or ValueError that begins with the argument's name; never a crash or a wrong number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from agreement import assert_same
from torch import Tensor

import spp_ops
from spp_ops import reference
from spp_ops.projection import CornerRule, Fit, Projection, RoundOp

NAN, INF = float("nan"), float("inf")
MAP = torch.randn(2, 3, 8, 9)
ROIS = torch.tensor([[0.0, 0, 0, 4, 4], [1, 2, 2, 7, 7]])
AXIS = Projection.rounded(1.0).x
POOLS = [spp_ops.roi_spatial_pyramid_pool, reference.roi_spatial_pyramid_pool]

ARGUMENTS: dict[str, list[Any]] = {
    "features": [
        None,
        MAP.numpy(),
        [],
        [MAP, None],
        [[MAP]],
        [MAP] * 17,
        MAP[0],
        MAP[None],
        MAP.int(),
        MAP.bool(),
        MAP.to(torch.complex64),
        MAP.to(torch.float8_e4m3fn),
        [MAP, MAP[:1]],
        [MAP, MAP[:, :2]],
        [MAP, MAP.double()],
        [MAP, MAP.to("meta")],
        MAP[:, :, :0],
        MAP[:, :, :, :0],
        MAP.to_sparse(),
    ],
    "rois": [
        None,
        ROIS.tolist(),
        ROIS.numpy(),
        ROIS[0],
        ROIS[None],
        ROIS[:, 1:],
        torch.cat([ROIS, ROIS], dim=1),
        ROIS.int(),
        ROIS.bool(),
        ROIS.to_sparse(),
        [ROIS[:, 1:].to_sparse()] * 2,
        ROIS.to(torch.complex64),
        ROIS.to("meta"),
        [ROIS[:, 1:]],
        [ROIS[:, 1:]] * 3,
        [ROIS[:, 1:], ROIS],
        [ROIS[:, 1:], ROIS[0, 1:]],
        [ROIS[:, 1:], None],
        [ROIS[:, 1:], ROIS[:, 1:].double()],
        [ROIS[:, 1:].int()] * 2,
        [],
    ],
    "levels": [
        None,
        6,
        (),
        [0],
        (2, -1),
        (2.0,),
        (2, None),
        "631",
        (True,),
        ((1, 2, 3),),
        ((1,),),
        ((2, 0),),
        ((1.5, 2),),
        (1,) * 17,
        (100_000,),
        (2**40,),
        (4096, 4096),
        {6: 1},
        torch.tensor([6, 3]),
    ],
    "projection": [
        *(None, "1", 0, -1.0, NAN, INF, 1e-45, 1e40, True, [], [1.0, 1.0], [None], ROIS, 1j),
        *(
            Projection(replace(AXIS, **part), AXIS, Fit.AS_IS)
            for part in (
                {"stride": 0.0},
                {"stride": NAN},
                {"image_scale": -1.0},
                {"low": CornerRule(INF, RoundOp.CEIL, 0)},
                {"high": CornerRule(0.0, RoundOp.CEIL, 2**40)},
                {"high": CornerRule(0.0, 3, 0)},
                {"high": None},
            )
        ),
        Projection(AXIS, AXIS, 7),
        Projection(AXIS, None, Fit.AS_IS),
    ],
    "map_index": [
        [0, 0],
        0,
        torch.zeros(3, dtype=torch.long),
        torch.zeros(2),
        torch.zeros(2, 1, dtype=torch.long),
        torch.zeros(2, dtype=torch.bool),
        torch.zeros(2, dtype=torch.complex64),
        torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8),
        torch.zeros(2, dtype=torch.long).to_sparse(),
        torch.zeros(2, dtype=torch.long, device="meta"),
    ],
    "target_area": [0, -1.0, NAN, INF, None, "large"],
    "out": [
        torch.empty(2, 149),
        torch.empty(3, 150),
        torch.empty(300),
        torch.empty(2, 150, dtype=torch.float64),
        torch.empty(2, 150, device="meta"),
        torch.empty(150, 2).T,
        torch.empty(1, 150).expand(2, 150),
        torch.empty(299).as_strided((2, 150), (149, 1)),
        torch.empty(2, 150).to_sparse(),
        torch.empty(2, 150, requires_grad=True),
        [],
    ],
}
CASES = [(name, value) for name, values in ARGUMENTS.items() for value in values]


def text(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)} {value.device}"
    return f"{type(value).__name__} {value}"[:40].split("\n", maxsplit=1)[0]


@pytest.mark.parametrize("pool", POOLS, ids=["kernels", "reference"])
@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}-{text(value)}" for name, value in CASES])
def test_argument(name: str, value: object, pool: Callable[..., Tensor]) -> None:
    arguments = {"features": MAP, "rois": ROIS, name: value}
    with pytest.raises((TypeError, ValueError), match=rf"^{name}\b") as error:
        pool(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ARGUMENTS["features"], ids=text)
def test_whole_maps(value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^features\b"):
        spp_ops.spatial_pyramid_pool(value)  # type: ignore[arg-type]


def test_whole_maps_are_one_map() -> None:
    with pytest.raises((TypeError, ValueError), match=r"^features\b"):
        spp_ops.spatial_pyramid_pool([MAP, MAP])  # type: ignore[arg-type]


@pytest.mark.parametrize("levels", ARGUMENTS["levels"], ids=text)
def test_levels(levels: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^levels\b"):
        spp_ops.spatial_pyramid_pool(MAP, levels)
    with pytest.raises((TypeError, ValueError), match=r"^levels\b"):
        spp_ops.split_levels(torch.empty(2, 150), levels, 3)


@pytest.mark.parametrize(
    ("pooled", "channels", "name"),
    [
        (torch.empty(2, 149), 3, "pooled"),
        (torch.empty(2, 150), 4, "pooled"),
        (torch.empty(150), 3, "pooled"),
        (torch.empty(1, 2, 150), 3, "pooled"),
        ([1, 2], 3, "pooled"),
        (torch.empty(2, 150).to_sparse(), 3, "pooled"),
        (torch.empty(2, 150), -3, "channels"),
        (torch.empty(2, 150), 3.0, "channels"),
    ],
    ids=text,
)
def test_split_levels(pooled: Any, channels: Any, name: str) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{name}\b"):
        spp_ops.split_levels(pooled, (6, 3, 2, 1), channels)


def test_out_gives_no_gradient() -> None:
    features, out = MAP.clone().requires_grad_(), torch.empty(2, 150)
    for pool in POOLS:
        with pytest.raises(ValueError, match=r"^out\b"):
            pool(features, ROIS, out=out)
        with torch.no_grad():
            assert_same(pool(features, ROIS, out=out), pool(MAP, ROIS))


BAD_ROWS = [
    [-1.0, 0, 0, 4, 4],
    [2.0, 0, 0, 4, 4],
    [1e30, 0, 0, 4, 4],
    [0.5, 0, 0, 4, 4],
    [NAN, 0, 0, 4, 4],
    [INF, 0, 0, 4, 4],
    *([0.0, *[bad if i == corner else 4.0 for i in range(4)]] for corner in range(4) for bad in (NAN, INF, -INF)),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("row", BAD_ROWS, ids=str)
def test_bad_rows_are_named(row: list[float], dtype: torch.dtype) -> None:
    good = [1.0, 0, 0, 4, 4]
    rois = torch.tensor([good, good, row, good, [NAN] * 5], dtype=torch.float64).to(dtype)
    for pool in (*POOLS, spp_ops.check_rois):
        with pytest.raises(ValueError, match=r"^rois: row 2 is \(.*expected"):
            pool(MAP, rois)
    with pytest.raises(ValueError, match=r"^rois: row 2 is"):
        spp_ops.roi_spatial_pyramid_pool(MAP.clone().requires_grad_(), rois)
    with pytest.raises(ValueError, match=r"^rois: row 2 is"):
        spp_ops.roi_spatial_pyramid_pool(MAP, rois, out=torch.empty(5, 150))


@pytest.mark.parametrize("chosen", [-1, 2, 2**40, -(2**40)])
def test_a_map_that_is_not_there_is_named(chosen: int) -> None:
    map_index = torch.tensor([0, chosen])
    for pool in POOLS:
        with pytest.raises(ValueError, match=rf"^map_index: row 1 is {chosen}, expected"):
            pool([MAP, MAP], ROIS, map_index=map_index)
    with pytest.raises(ValueError, match=rf"^map_index: row 1 is {chosen}, expected"):
        spp_ops.check_rois([MAP, MAP], ROIS, map_index=map_index)


def test_no_image_can_be_named_where_there_is_none() -> None:
    for pool in (*POOLS, spp_ops.check_rois):
        with pytest.raises(ValueError, match=r"^rois: row 0 is"):
            pool(MAP[:0], ROIS)


def test_good_rows_pass() -> None:
    spp_ops.check_rois(MAP, ROIS)
    spp_ops.check_rois([MAP, MAP], [ROIS[:, 1:]] * 2, map_index=torch.tensor([0, 1, 1, 0]))


def test_errors_leave_the_operator_usable() -> None:
    expected = spp_ops.roi_spatial_pyramid_pool(MAP, ROIS)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^rois"):
            spp_ops.roi_spatial_pyramid_pool(MAP, ROIS * NAN)
        assert_same(spp_ops.roi_spatial_pyramid_pool(MAP, ROIS), expected)


@pytest.mark.gpu
def test_bad_rows_on_a_gpu_become_nan_without_gradient(cuda: torch.device) -> None:
    """No synchronization is forced; `check_rois` raises on demand."""
    features = MAP.to(cuda).requires_grad_()
    good = [1.0, 0, 0, 4, 4]
    rois = torch.tensor([good, *BAD_ROWS, good], device=cuda)
    pooled = spp_ops.roi_spatial_pyramid_pool(features, rois)
    expected = spp_ops.roi_spatial_pyramid_pool(features, rois[:1])
    assert_same(pooled[[0, -1]], expected.expand(2, -1))
    assert pooled[1:-1].isnan().all()
    (gradient,) = torch.autograd.grad(pooled.sum(), features)
    assert_same(gradient, torch.autograd.grad(2 * expected.sum(), features)[0])
    with pytest.raises(ValueError, match=r"^rois: row 1 is"):
        spp_ops.check_rois(features, rois)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("sources", 2), ("sources", -2), ("shape", [0, 3, 8, 9]), ("shape", [2, 3, 2**31, 9]), ("shape", [2, 3, 8])],
)
def test_operators_below_read_and_write_nothing_that_is_not_there(argument: str, value: Any) -> None:
    operators = torch.ops.spp_ops
    levels, rules = [2, 2, 1, 1], Projection.rounded(1.0).numbers()
    pooled, indices, sources = operators.roi_spatial_pyramid_pool_with_indices([MAP], ROIS, None, levels, rules, 1.0)
    shape = list(MAP.shape)
    if argument == "sources":
        sources[1] = value
        with pytest.raises(ValueError, match=rf"^sources: row 1 is {value}, expected -1 to 1"):
            operators.roi_spatial_pyramid_pool_gather([MAP], indices, sources, levels)
    else:
        shape = value
    with pytest.raises(ValueError, match=r"^(sources|shape): "):
        operators.roi_spatial_pyramid_pool_backward(pooled, indices, sources, levels, shape, False)


@pytest.mark.parametrize("wrong", [NAN, INF, 0.0])
def test_operators_below_refuse_rules_that_cannot_be_computed(wrong: float) -> None:
    rules = Projection.rounded(1.0).numbers()
    rules[1] = wrong
    with pytest.raises(ValueError, match=r"^projections: expected finite numbers"):
        torch.ops.spp_ops.roi_spatial_pyramid_pool([MAP], ROIS, None, [2, 2], rules, 1.0)
