"""What no argument of the operator may be; the tests of bad input and of its texts take the values from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

import spp_ops
from spp_ops import reference
from spp_ops._core.checks import shown
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
