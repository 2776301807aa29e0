"""Windows that may hold an object: selective search, EdgeBoxes, or boxes computed before."""

from spp_ops.detection.proposals.boxes import Boxes
from spp_ops.detection.proposals.cache import default_cache
from spp_ops.detection.proposals.config import ProposalConfig, from_data, make_proposer
from spp_ops.detection.proposals.edges import edge_boxes
from spp_ops.detection.proposals.many import propose
from spp_ops.detection.proposals.precomputed import BoxFile
from spp_ops.detection.proposals.selective import selective_search

__all__ = [
    "BoxFile",
    "Boxes",
    "ProposalConfig",
    "default_cache",
    "edge_boxes",
    "from_data",
    "make_proposer",
    "propose",
    "selective_search",
]
