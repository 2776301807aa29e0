"""The registered operators, called past the public functions' checks: whatever they are given, memory stays whole."""

from __future__ import annotations

import random
from typing import Any

import torch
from strategies import Case
from torch import Tensor

from spp_ops._core import checks

OPS = torch.ops.spp_ops
REFUSALS = (RuntimeError, ValueError, TypeError, NotImplementedError, IndexError)


def check_operators(case: Case, rng: random.Random) -> None:
    """Call every operator with arguments that nearly fit together. Any result or refusal will do; no crash."""
    levels = [n for pair in checks.level_pairs(case.levels) for n in pair]
    numbers = [n for rule in case.projections for n in rule.numbers()]
    chosen = None if case.map_index is None else case.map_index.long()
    arguments: list[Any] = [case.maps, case.rois, chosen, levels, numbers, case.target_area]
    try:
        output, indices, sources = OPS.roi_spatial_pyramid_pool_with_indices(*arguments)
    except REFUSALS:
        return
    shape = [*case.maps[0].shape[:2], *(n for each in case.maps for n in each.shape[2:])]
    out = torch.empty_like(output)
    channels_last = [rng.randrange(2) for _ in case.maps]
    calls = {
        "roi_spatial_pyramid_pool": arguments,
        "roi_spatial_pyramid_pool_out": [*arguments, out],
        "roi_spatial_pyramid_pool_with_indices": arguments,
        "roi_spatial_pyramid_pool_backward": [
            *(output, indices, sources, levels, shape),
            *(channels_last, rng.random() < 0.5),
        ],
        "roi_spatial_pyramid_pool_gather": [case.maps, indices, sources, levels],
        "check_rois": [case.rois, chosen, case.maps[0].shape[0], len(case.maps)],
    }
    for name, good in calls.items():
        spoilt = list(good)
        for place in rng.sample(range(len(spoilt)), rng.choice([1, 1, 2])):
            spoilt[place] = _spoil(spoilt[place], rng)
        try:
            getattr(OPS, name)(*spoilt)
        except REFUSALS:
            continue


def _spoil(value: Any, rng: random.Random) -> Any:
    if isinstance(value, Tensor):
        return _spoil_tensor(value, rng)
    if isinstance(value, list) and value and isinstance(value[0], Tensor):
        return rng.choice(
            [[*value, _spoil_tensor(value[0], rng)], value[1:], value * 17, [_spoil_tensor(value[-1], rng)]]
        )
    if isinstance(value, list):
        number = rng.choice([0, -1, 1, 2, 3, 1000, 2**31, 2**33])  # nothing that memory would just hold
        value = list(value)
        value[rng.randrange(len(value))] = type(value[0])(number)
        return rng.choice([value, value[:-1], value + value, value[:1]])
    if isinstance(value, bool):
        return not value
    return rng.choice([0, -1, 1, 2**40]) if isinstance(value, int) else None if value is None else rng.uniform(-9, 9)


def _spoil_tensor(tensor: Tensor, rng: random.Random) -> Tensor:
    spoilt = tensor.clone()
    if not tensor.is_floating_point() and rng.random() < 0.5:  # indices and sources that point anywhere
        most = torch.iinfo(tensor.dtype).max
        return spoilt.random_(-most - 1, rng.choice([2, 100, most]))
    return rng.choice(
        [
            spoilt[:-1],
            spoilt[..., :-1],
            spoilt[..., None],
            spoilt.t() if tensor.dim() == 2 else spoilt,
            torch.cat([spoilt, spoilt]),
            spoilt.to(
                rng.choice([torch.float32, torch.float64, torch.bfloat16, torch.int16, torch.int32, torch.int64])
            ),
            spoilt.to("meta"),
            tensor[:1].expand_as(tensor) if len(tensor) else tensor,
        ]
    )
