"""The interfaces of other libraries, computed by this one: what a network calls stays, and the import changes.

* torchvision: `roi_pool`, `RoIPool`; `MultiScaleRoIPool` for ``box_roi_pool=`` of its detectors; `replace_roi_pool` for
  networks that are made already.
* detectron2: `spp_ops.compat.detectron2.ROIPooler`.
* mmdet: `spp_ops.compat.mmdet.SingleRoIExtractor`.
* torch: `AdaptiveMaxPyramid2d` for several ``nn.AdaptiveMaxPool2d`` whose outputs are concatenated.

None of these libraries is needed, but torchvision for `MultiScaleRoIPool` and `replace_roi_pool`. docs/coming_from says
what differs, call by call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spp_ops.compat.adaptive import AdaptiveMaxPyramid2d
from spp_ops.compat.roi_pool import RoIPool, roi_pool

if TYPE_CHECKING:
    from spp_ops.compat.torchvision import MultiScaleRoIPool as MultiScaleRoIPool
    from spp_ops.compat.torchvision import replace_roi_pool as replace_roi_pool

__all__ = ["AdaptiveMaxPyramid2d", "MultiScaleRoIPool", "RoIPool", "replace_roi_pool", "roi_pool"]


def __getattr__(name: str) -> Any:
    """Import torchvision when a name that needs it is first used."""
    if name in ("MultiScaleRoIPool", "replace_roi_pool"):
        from spp_ops.compat import torchvision

        return getattr(torchvision, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
