"""SPP-net for classification: training at several sizes, views on feature maps, transfer (paper, sections 3 and 4)."""

from spp_ops.classification.checkpoint import Checkpoint
from spp_ops.classification.config import NetworkConfig, TrainingConfig
from spp_ops.classification.evaluation import Evaluation, evaluate
from spp_ops.classification.run import Job, train
from spp_ops.classification.scoring import ViewScorer
from spp_ops.classification.views import Views, make_views

__all__ = [
    "Checkpoint",
    "Evaluation",
    "Job",
    "NetworkConfig",
    "TrainingConfig",
    "ViewScorer",
    "Views",
    "evaluate",
    "make_views",
    "train",
]
