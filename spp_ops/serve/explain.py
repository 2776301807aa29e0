"""One window explained: where it falls under each rule, its bins, and the cell that wins each of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

import spp_ops
from spp_ops._core.geometry import place_boxes
from spp_ops.detection.features.regions import ProjectionRule
from spp_ops.projection import Projection
from spp_ops.reference import bin_ranges
from spp_ops.serve.study import Study


@dataclass(frozen=True)
class Question:
    """What the page wants to know.

    Attributes:
        box: x1, y1, x2, y2 in pixels, last pixels included.
        levels: bins a side.
        rule: from the box to cells.
        channel: whose winners are told; None: of each bin the cell that wins most channels.
    """

    box: tuple[float, float, float, float]
    levels: tuple[int, ...]
    rule: ProjectionRule
    channel: int | None


@torch.inference_mode()
def explain(study: Study, question: Question) -> dict[str, Any]:
    """Answer a question, as plain data.

    Returns:
        ``map``: which one serves the window. ``rules``: by rule the window's cells [x, y, width, height] on it.
        ``levels``: for each the ``bins`` a side and, bin by bin in row-major order, ``cells`` [x1, y1, x2, y2) clipped
        to the map, ``winners`` [x, y] (null: the bin is empty), ``places`` of the winners in the image's pixels and
        ``values`` (of one channel the largest; of all of them the share of channels that the winner wins). ``field``:
        pixels of the image that a cell sees, [width, height].
    """
    rois = torch.tensor([[0.0, *question.box]], device=study.maps[0].device)
    sizes = [(each.shape[2], each.shape[3]) for each in study.maps]
    projections = {rule: study.projections(rule) for rule in study.features}
    placed = {
        rule: place_boxes(rois, sizes, projections[rule], 1, None, features.projected_area)
        for rule, features in study.features.items()
    }
    cells = {rule: place.windows[0].tolist() for rule, place in placed.items()}
    chosen = int(placed[question.rule].map[0])
    area = study.features[question.rule].projected_area
    pooled, winners = pool_with_winners(study.maps, rois, question.levels, projections[question.rule], area)
    channels = study.channels
    levels = []
    for n, values, indices in zip(
        question.levels,
        spp_ops.split_levels(pooled, question.levels, channels),
        spp_ops.split_levels(winners, question.levels, channels),
        strict=True,
    ):
        told, won = _of_channel(values[0], indices[0], question.channel)
        places = [None if index < 0 else _cell(index, sizes[chosen]) for index in won.flatten().tolist()]
        levels.append(
            {
                "bins": n,
                "cells": _bins(cells[question.rule], n, sizes[chosen]),
                "winners": places,
                "places": [None if cell is None else _in_image(study, chosen, cell) for cell in places],
                "values": [round(value, 4) for value in told.flatten().tolist()],
            }
        )
    return {"map": chosen, "rules": cells, "levels": levels, "field": _field(study, chosen)}


def pool_with_winners(
    maps: list[Tensor], rois: Tensor, levels: tuple[int, ...], rules: list[Projection], target_area: float
) -> tuple[Tensor, Tensor]:
    """The operator's result [R, C * M], and the cell each number comes from (row * width + column; -1: an empty bin).

    These are the picks that forward keeps for backward (docs/operator.md).
    """
    flat = [n for level in levels for n in (level, level)]
    numbers = [number for rule in rules for number in rule.numbers()]
    pooled, indices, _ = torch.ops.spp_ops.roi_spatial_pyramid_pool_with_indices(
        maps, rois, None, flat, numbers, target_area
    )
    if indices.dtype == torch.int16:  # unsigned, all bits set for an empty bin
        indices = torch.where(indices == -1, -1, indices.int() & 0xFFFF)
    return pooled, indices.long()


def map_image(study: Study, number: int, channel: int | None) -> bytes:
    """Draw a map as a PNG, a pixel a cell: a channel, or the mean of all."""
    from matplotlib import colormaps

    values = study.maps[number][0]
    plane = (values.mean(dim=0) if channel is None else values[channel]).cpu()
    low, high = float(plane.min()), float(plane.max())
    shades = ((plane - low) / max(high - low, 1e-12)).sqrt().numpy()  # small values are to be seen as well
    content = io.BytesIO()
    Image.fromarray((colormaps["magma"](shades)[:, :, :3] * 255).round().astype("uint8")).save(content, "PNG")
    return content.getvalue()


def _of_channel(values: Tensor, indices: Tensor, channel: int | None) -> tuple[Tensor, Tensor]:
    """[C, n, n] of values and winners -> [n, n] of one channel, or of the cells that win most channels."""
    if channel is not None:
        return values[channel], indices[channel]
    most = indices.mode(dim=0).values
    return (indices == most).float().mean(dim=0), most


def _bins(window: list[int], n: int, size: tuple[int, int]) -> list[list[int]]:
    x, y, width, height = window
    rows, columns = bin_ranges(y, height, n, size[0]), bin_ranges(x, width, n, size[1])
    return [[left, top, right, bottom] for top, bottom in rows for left, right in columns]


def _cell(index: int, size: tuple[int, int]) -> tuple[int, int]:
    return index % size[1], index // size[1]


def _in_image(study: Study, number: int, cell: tuple[int, int]) -> list[float]:
    """The center, in the image's pixels, of what a cell sees."""
    field = study.detector.features.receptive_field
    scale = study.image_scales[number]
    return [
        round((center + position * stride + 0.5) / factor - 0.5, 2)
        for position, center, stride, factor in zip(cell, field.center, field.stride, scale, strict=True)
    ]


def _field(study: Study, number: int) -> list[float]:
    size = study.detector.features.receptive_field.size
    return [round(extent / factor, 2) for extent, factor in zip(size, study.image_scales[number], strict=True)]
