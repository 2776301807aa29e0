"""One call of the operator as ONNX nodes.

Windows and bins are laid in the arithmetic of the kernels; a bin is the maximum of four entries of tables of maxima.
ONNX's own MaxRoiPool would be shorter, but is another operator: its bins have float edges, some of them one cell off (7
bins over 57 cells, for one), it takes -inf for the least finite number, and it knows one projection and one map.
"""

from __future__ import annotations

from collections.abc import Sequence

from spp_ops._core.limits import LIMITS
from spp_ops.onnx._bins import bins_of
from spp_ops.onnx._nodes import Value, op, size_of, slice_of
from spp_ops.onnx._tables import pool_bins, tables_of
from spp_ops.onnx._windows import place_boxes
from spp_ops.projection import Projection


def pool(
    features: Sequence[Value],
    rois: Value,
    map_index: Value | None,
    levels: Sequence[int],
    projections: Sequence[float],
    target_area: float,
) -> Value:
    """Write the nodes of one call of `torch.ops.spp_ops.roi_spatial_pyramid_pool`: [R, C * M]."""
    rules = [
        Projection.from_numbers(projections[m : m + LIMITS.projection_numbers])
        for m in range(0, len(projections), LIMITS.projection_numbers)
    ]
    tables = [tables_of(each) for each in features]
    windows = place_boxes(
        rois,
        map_index,
        rules,
        images=size_of(features[0], 0),
        sizes=[(table.height, table.width) for table in tables],
        target_area=target_area,
    )
    bins = bins_of(list(zip(levels[::2], levels[1::2], strict=True)))
    pooled = pool_bins(tables, windows, bins)  # [R, M, C]
    by_level = [
        op.Flatten(op.Transpose(slice_of(pooled, axis=1, begin=begin, end=end), perm=[0, 2, 1]), axis=1)
        for begin, end in bins.of_levels
    ]
    return op.CastLike(op.Concat(*by_level, axis=1), features[0])
