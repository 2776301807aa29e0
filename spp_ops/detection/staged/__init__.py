"""Training in stages, as the paper does it: fine-tuned layers, SVMs, box regression on frozen convolutions."""

from spp_ops.detection.staged.config import (
    AUTHORS,
    PAPER,
    PRESETS,
    SMALL,
    BoxRegression,
    FineTuning,
    StagedConfig,
    SVMs,
    staged_from_data,
)
from spp_ops.detection.staged.learning import Learner
from spp_ops.detection.staged.pipeline import StagedJob, train_staged
from spp_ops.detection.staged.rcnn import train_rcnn
from spp_ops.detection.staged.samples import TrainingSample, training_samples
from spp_ops.detection.staged.sources import RowSource

__all__ = [
    "AUTHORS",
    "PAPER",
    "PRESETS",
    "SMALL",
    "BoxRegression",
    "FineTuning",
    "Learner",
    "RowSource",
    "SVMs",
    "StagedConfig",
    "StagedJob",
    "TrainingSample",
    "staged_from_data",
    "train_rcnn",
    "train_staged",
    "training_samples",
]
