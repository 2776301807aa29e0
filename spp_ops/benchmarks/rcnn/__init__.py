"""SPP-net beside R-CNN on one photo: the paper's timing table (section 4.3), measured here."""

from spp_ops.benchmarks.rcnn.results import Comparison, Stages
from spp_ops.benchmarks.rcnn.settings import Settings
from spp_ops.benchmarks.rcnn.timing import compare

__all__ = ["Comparison", "Settings", "Stages", "compare"]
