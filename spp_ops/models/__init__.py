"""The paper's networks, a small one, and SPP-net over any convolution stack."""

from spp_ops.models.architectures import convnet5, overfeat5, overfeat7, zf5
from spp_ops.models.backbones import backbone, backbone_names
from spp_ops.models.create import OWN_NETWORKS, PAPER_NETWORKS, create, is_known, known_names
from spp_ops.models.layers import WithinChannelLRN
from spp_ops.models.shapes import map_shape, smallest_input
from spp_ops.models.small import small5
from spp_ops.models.spp_net import SPPNet

__all__ = [
    "OWN_NETWORKS",
    "PAPER_NETWORKS",
    "SPPNet",
    "WithinChannelLRN",
    "backbone",
    "backbone_names",
    "convnet5",
    "create",
    "is_known",
    "known_names",
    "map_shape",
    "overfeat5",
    "overfeat7",
    "small5",
    "smallest_input",
    "zf5",
]
