"""R-CNN trained by the same stages: only the rows differ, which come from warped windows."""

from __future__ import annotations

import torch
from rich.console import Console

from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.rcnn import RCNNDetector, rcnn_features
from spp_ops.detection.staged.config import StagedConfig
from spp_ops.detection.staged.kept_rows import KeptRows
from spp_ops.detection.staged.pipeline import StagedJob, learn, prepare
from spp_ops.detection.staged.stages import Stages


def train_rcnn(
    images: DetectionImages,
    detector: DetectorConfig,
    config: StagedConfig,
    *,
    job: StagedJob,
    device: torch.device,
    console: Console,
) -> RCNNDetector:
    """Train R-CNN as `train_staged` trains an SPP-net; arguments and errors are the same.

    The rows of all windows are kept on disk: with 25,600 numbers a row 50 KB a window. The run's folder gets the
    artifacts of the stages; the detector itself is only returned.
    """
    with Stages(console, job.out) as stages:
        samples, finished, net = prepare(images, detector, config, job, device, stages, kind="R-CNN")
        rows = KeptRows(rcnn_features(net), samples, job.out / "rows" if job.maps is None else job.maps)
        stages.begin("rows of windows", len(samples))
        rows.fill(stages.advance)
        stages.end(f"rows of windows: {len(samples)} images")
        learn(net, rows, samples, detector, config, job, device, stages)
    return RCNNDetector(finished, net.cpu())
