"""R-CNN trained by the same stages: only the rows differ, which come from warped windows."""

from __future__ import annotations

import torch

from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.detectors.rcnn import RCNNDetector, rcnn_features
from spp_ops.detection.staged.config import StagedConfig
from spp_ops.detection.staged.kept_rows import KeptRows
from spp_ops.detection.staged.pipeline import StagedJob, learn, prepare, staged_folder
from spp_ops.engine.progress import Progress


def train_rcnn(
    images: DetectionImages,
    detector: DetectorConfig,
    config: StagedConfig,
    *,
    job: StagedJob,
    device: torch.device,
    progress: Progress | None = None,
) -> RCNNDetector:
    """Train R-CNN as `train_staged` trains an SPP-net; arguments and errors are the same.

    The rows of all windows are kept on disk: with 25,600 numbers a row 50 KB a window. The run's folder gets the
    artifacts of the stages; the detector itself is only returned.
    """
    progress = progress or Progress()
    with staged_folder(job):
        samples, finished, net = prepare(images, detector, config, job, device, progress, kind="R-CNN")
        rows = KeptRows(rcnn_features(net), samples, job.out / "rows" if job.maps is None else job.maps)
        with progress.work("rows of windows", len(samples)) as work:
            rows.fill(work.advance)
        progress.say(f"rows of windows: {len(samples)} images  ({work.seconds:.0f} s)")
        learn(net, rows, samples, detector, config, job, device, progress)
    return RCNNDetector(finished, net.cpu())
