"""Bad input: a TypeError or ValueError that begins with the argument's name; never a crash or a wrong number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from agreement import assert_same
from torch import Tensor

import spp_ops
from spp_ops import reference
from spp_ops._core.checks import shown
from spp_ops._core.limits import LIMITS
from spp_ops.nn import RoISpatialPyramidPool, SpatialPyramidPool2d
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
        torch.nested.nested_tensor([MAP[0], MAP[1]]),
        torch.nested.nested_tensor([MAP[0], MAP[1]], layout=torch.jagged),
        torch.masked.masked_tensor(MAP, MAP > 0),
        [MAP, torch.masked.masked_tensor(MAP, MAP > 0)],
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
        [ROIS[:, 1:].int()] * 2,
        [ROIS[:, 1:], ROIS[:, 1:].to("meta")],
        [],
        torch.nested.nested_tensor([ROIS[:, 1:]] * 2),
        torch.nested.nested_tensor([ROIS[:, 1:]] * 2, layout=torch.jagged),
        torch.masked.masked_tensor(ROIS, ROIS > 0),
        [torch.masked.masked_tensor(ROIS[:, 1:], ROIS[:, 1:] > 0)] * 2,
    ],
    "levels": [
        None,
        0,
        True,
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
        (10**5000,),
        [1.5] * 10**6,
        [list(range(10**6))],
        [1] * 10**6,
        (np.float64(3),),
        (np.bool_(True),),
        np.array([1.5, 2]),
        np.array(2),
        np.zeros((1000, 1000)),
        ([[1] * 10**6, 2],),
    ],
    "projection": [
        *(None, "1", 0, -1.0, NAN, INF, 1e-45, 1e40, True, [], [1.0, 1.0], [None], ROIS, 1j, 10**5000, -(10**5000)),
        *("1" * 10**6, [1.0] * 10**6, np.array([1.0, 1.0]), np.array(1.0), np.array(["1"])),
        *(
            Projection(replace(AXIS, **part), AXIS, Fit.AS_IS)
            for part in (
                {"stride": 0.0},
                {"stride": NAN},
                {"image_scale": -1.0},
                {"low": CornerRule(INF, RoundOp.CEIL, 0)},
                {"high": CornerRule(0.0, RoundOp.CEIL, 2**40)},
                {"high": CornerRule(0.0, RoundOp.CEIL, 10**5000)},
                {"high": CornerRule("1" * 10**6, RoundOp.CEIL, 1)},
                {"high": CornerRule(0.0, 3, 0)},
                {"high": None},
            )
        ),
        Projection(AXIS, AXIS, 7),
        Projection(AXIS, None, Fit.AS_IS),
        Projection(AXIS, [1] * 10**6, Fit.AS_IS),
        Projection(AXIS, AXIS, "1" * 10**6),
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
    "target_area": [0, -1.0, NAN, INF, None, "large", 10**5000, Fraction(-(10**5000)), "1" * 10**6],
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
    if isinstance(value, Tensor) and value.is_nested:
        return f"nested {value.layout}"
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)} {value.device}"
    if isinstance(value, Sequence) and len(value) > 1000:
        return f"{len(value)} of {type(value[0]).__name__}"
    return f"{type(value).__name__} {shown(value)}"[:40].split(" at 0x", maxsplit=1)[0]  # the same in every process


@pytest.mark.parametrize("pool", POOLS, ids=["kernels", "reference"])
@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}-{text(value)}" for name, value in CASES])
def test_argument(name: str, value: object, pool: Callable[..., Tensor]) -> None:
    arguments = {"features": MAP, "rois": ROIS, name: value}
    with pytest.raises((TypeError, ValueError), match=rf"^{name}\b") as error:
        pool(**arguments)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


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
        (torch.empty(2, 150), -(10**5000), "channels"),
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


@pytest.mark.parametrize(
    ("levels", "plain"),
    [
        (7, (7,)),
        (np.int64(7), (7,)),
        ((np.int64(3), 1), (3, 1)),
        (np.array([6, 3]), (6, 3)),
        (np.array([[2, 3], [1, 4]], dtype=np.uint8), ((2, 3), (1, 4))),
        ([(np.int32(2), 3), np.array([1, 4])], ((2, 3), (1, 4))),
    ],
    ids=str,
)
def test_levels_of_numpy_and_a_plain_one(levels: Any, plain: Any) -> None:
    expected = spp_ops.roi_spatial_pyramid_pool(MAP, ROIS, plain)
    for pool in POOLS:
        assert_same(pool(MAP, ROIS, levels), expected)
    assert_same(RoISpatialPyramidPool(levels)(MAP, ROIS), expected)
    assert_same(SpatialPyramidPool2d(levels)(MAP), spp_ops.spatial_pyramid_pool(MAP, plain))
    assert len(spp_ops.split_levels(expected, levels, np.int64(3))) == len(plain)  # type: ignore[arg-type]


def test_numbers_of_numpy() -> None:
    scales = np.array([0.5, 0.25], dtype=np.float32)
    expected = spp_ops.roi_spatial_pyramid_pool([MAP, MAP], ROIS, 2, [0.5, 0.25], target_area=9.0)
    for pool in POOLS:
        assert_same(pool([MAP, MAP], ROIS, 2, scales, target_area=np.int64(9)), expected)
    assert Projection.rounded(scales) == Projection.rounded((0.5, 0.25))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dtypes", "computed"),
    [
        ([torch.float32, torch.float64], torch.float64),
        ([torch.float16, torch.bfloat16], torch.float32),
        ([torch.bfloat16, torch.float64], torch.float64),
    ],
)
def test_boxes_of_several_types_take_the_widest(dtypes: list[torch.dtype], computed: torch.dtype) -> None:
    corners = [torch.tensor([[0.3, 0.4, 4.6, 4.2]]).to(dtype) for dtype in dtypes]
    together = torch.cat([torch.cat([torch.full((1, 1), i), c], 1).to(computed) for i, c in enumerate(corners)])
    for pool in POOLS:
        assert_same(pool(MAP, corners, 3, 0.9), pool(MAP, together, 3, 0.9))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float16])
def test_no_boxes_are_of_any_type(dtype: torch.dtype) -> None:
    none = torch.empty(0, 4, dtype=dtype)
    for pool in POOLS:
        assert_same(pool(MAP, [none, ROIS[:1, 1:]]), pool(MAP, [ROIS[:0, 1:], ROIS[:1, 1:]]))
        assert pool(MAP, torch.empty(0, 5, dtype=dtype)).shape == (0, 150)
        assert pool(MAP, [none, none]).shape == (0, 150)


@pytest.mark.parametrize(("dtype", "countable"), [(torch.bfloat16, 256), (torch.float16, 2048)])
def test_images_that_a_type_cannot_count_are_not_taken_for_others(dtype: torch.dtype, countable: int) -> None:
    """In bfloat16 image 257 would be image 256 or 258."""
    images = torch.arange(countable + 2.0).view(-1, 1, 1, 1)
    rois = torch.tensor([[countable, 0, 0, 0, 0]], dtype=dtype)
    for pool in POOLS:
        assert pool(images[:-1], rois, 1).item() == countable
        with pytest.raises(ValueError, match=rf"^rois: expected a wider dtype.*counts images to {countable} only"):
            pool(images, rois, 1)
        assert_same(pool(images, [rois[:, 1:]] * len(images), 1), images.flatten(1))


@pytest.mark.parametrize("boxes_format", ["XYWH", "CXCYWH", "XYWHR", "CXCYWHR"])
def test_boxes_that_say_they_are_no_corners_are_refused(boxes_format: str) -> None:
    tv_tensors = pytest.importorskip("torchvision.tv_tensors")
    columns = len(boxes_format.replace("CXCY", "XY"))
    boxes = tv_tensors.BoundingBoxes(torch.ones(2, columns), format=boxes_format, canvas_size=(8, 9))
    for pool in (*POOLS, spp_ops.check_rois):
        with pytest.raises(ValueError, match=rf"^rois: expected corners.*BoundingBoxes in format {boxes_format};"):
            pool(MAP, boxes if columns == 5 else [boxes, boxes])


def test_boxes_that_say_they_are_corners_are_taken() -> None:
    tv_tensors = pytest.importorskip("torchvision.tv_tensors")
    corners = [ROIS[:1, 1:], ROIS[1:, 1:]]
    boxes = [tv_tensors.BoundingBoxes(each, format="XYXY", canvas_size=(8, 9)) for each in corners]
    for pool in POOLS:
        assert_same(pool(MAP, boxes), pool(MAP, corners))


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


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("image", [2, -1, 0.5, NAN])
def test_bad_rows_under_vmap_are_named(image: float, grad: bool) -> None:
    """Calls are numbered through: row 1 of the second call is row 3 of all."""
    maps = torch.stack([MAP, MAP]).requires_grad_(grad)
    rois = torch.stack([ROIS, ROIS])
    rois[1, 1, 0] = image
    pool = torch.vmap(lambda features, boxes: spp_ops.roi_spatial_pyramid_pool(features, boxes, 1))
    with pytest.raises((ValueError, RuntimeError), match=rf"^rois: row 3 is \({image:g}, 2, 2, 7, 7\), expected"):
        pool(maps, rois)
    nested = torch.vmap(pool)
    with pytest.raises((ValueError, RuntimeError), match=rf"^rois: row 3 is \({image:g}, 2, 2, 7, 7\), expected"):
        nested(maps[None], rois[None])
    check = torch.vmap(lambda features, boxes: (boxes, spp_ops.check_rois(features, boxes))[0])
    check(maps, rois[:1].expand(2, -1, -1))
    with pytest.raises((ValueError, RuntimeError), match=rf"^rois: row 3 is \({image:g}, 2, 2, 7, 7\), expected"):
        check(maps, rois)


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
        operators.roi_spatial_pyramid_pool_backward(pooled, indices, sources, levels, shape, [0], False)


@pytest.mark.parametrize("wrong", [NAN, INF, 0.0])
def test_operators_below_refuse_rules_that_cannot_be_computed(wrong: float) -> None:
    rules = Projection.rounded(1.0).numbers()
    rules[1] = wrong
    with pytest.raises(ValueError, match=r"^projections: expected finite numbers"):
        torch.ops.spp_ops.roi_spatial_pyramid_pool([MAP], ROIS, None, [2, 2], rules, 1.0)


def test_limits_are_those_of_the_operators() -> None:
    """What the checks let through, the operators take; one more, and both refuse."""
    operator, rule = torch.ops.spp_ops.roi_spatial_pyramid_pool, Projection.rounded(1.0).numbers()
    assert len(rule) == LIMITS.projection_numbers
    boxes = ROIS[:0]
    for levels, maps in [(LIMITS.levels, 1), (1, LIMITS.maps)]:
        operator([MAP] * maps, boxes, None, [1, 1] * levels, rule * maps, 1.0)
    operator([MAP], boxes, None, [1, LIMITS.bins], rule, 1.0)
    with pytest.raises((ValueError, RuntimeError), match=r"^levels: "):
        operator([MAP], boxes, None, [1, 1] * (LIMITS.levels + 1), rule, 1.0)
    with pytest.raises((ValueError, RuntimeError), match=r"^levels: "):
        operator([MAP], boxes, None, [1, LIMITS.bins + 1], rule, 1.0)
    with pytest.raises((ValueError, RuntimeError), match=r"^features: "):
        operator([MAP] * (LIMITS.maps + 1), boxes, None, [1, 1], rule * (LIMITS.maps + 1), 1.0)
    for place, most in [(2, LIMITS.number), (4, LIMITS.shift)]:  # offset and shift of the first corner
        for number, refused in [(most, False), (1.01 * most, True)]:
            rule[place] = number
            with pytest.raises((ValueError, RuntimeError), match=r"^projections: ") if refused else nullcontext():
                operator([MAP], boxes, None, [1, 1], rule, 1.0)
        rule[place] = 0.0
    for width, dtype in [(LIMITS.cells_16, torch.int16), (LIMITS.cells_16 + 1, torch.int32)]:
        long = torch.zeros(1, 1, 1, width)
        picked = torch.ops.spp_ops.roi_spatial_pyramid_pool_with_indices([long], boxes, None, [1, 1], rule, 1.0)
        assert picked[1].dtype == dtype
