"""SPP-net beside R-CNN on one photo: the paper's timing table (section 4.3), measured here."""

from spp_ops.comparison.results import Comparison, Stages
from spp_ops.comparison.settings import Settings
from spp_ops.comparison.timing import compare

__all__ = ["Comparison", "Settings", "Stages", "compare"]
