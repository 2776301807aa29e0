"""Joint training: convolutions, scores and boxes learn together in one stage, through the pooling operator."""

from spp_ops.detection.joint.checkpoint import JointCheckpoint
from spp_ops.detection.joint.config import JointConfig
from spp_ops.detection.joint.run import JointJob, train_joint

__all__ = ["JointCheckpoint", "JointConfig", "JointJob", "train_joint"]
