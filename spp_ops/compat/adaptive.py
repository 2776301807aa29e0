"""Several ``nn.AdaptiveMaxPool2d`` whose outputs are concatenated: a spatial pyramid in one pass."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from spp_ops.compat.roi_pool import grid
from spp_ops.functional import spatial_pyramid_pool


class AdaptiveMaxPyramid2d(nn.Module):
    """``torch.cat([pool(x).flatten(1) for pool in pools], dim=1)``, to the bit, in one pass over the map.

    Args:
        pools: ``nn.AdaptiveMaxPool2d`` modules, or their output sizes: numbers or (rows, columns).

    Raises:
        ValueError: a module is another one, gives its indices, or an output size that follows the map's (None).
    """

    def __init__(self, pools: Iterable[nn.Module | int | tuple[int, int]]) -> None:
        super().__init__()
        self.output_sizes = [_size(pool) for pool in pools]

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C * M], M bins in all, pool by pool, each (channel, row, column)."""
        return spatial_pyramid_pool(x, self.output_sizes)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return f"{self.output_sizes}"


def _size(pool: nn.Module | int | tuple[int, int]) -> tuple[int, int]:
    if not isinstance(pool, nn.Module):
        return grid(pool)
    if not isinstance(pool, nn.AdaptiveMaxPool2d) or pool.return_indices:
        raise ValueError(f"pools: expected nn.AdaptiveMaxPool2d without indices, got {pool}")
    size = pool.output_size
    rows, columns = size if isinstance(size, tuple) else (size, size)
    if rows is None or columns is None:
        raise ValueError(f"pools: expected numbers of rows and columns, got {pool}, whose output follows the map")
    return grid((rows, columns))
