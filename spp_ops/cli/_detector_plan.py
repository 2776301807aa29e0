"""What `train-detector` would do, told by --dry-run."""

from __future__ import annotations

from pathlib import Path

import yaml

from spp_ops.cli._console import Output
from spp_ops.cli._training import refuse_missing_weights, tell_plan
from spp_ops.datasets.detection import DetectionImages
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.joint import JointConfig
from spp_ops.detection.staged import StagedConfig
from spp_ops.detection.staged.run_folder import FILE_NAME as RECORD_NAME
from spp_ops.engine.checkpoint import FILE_NAME
from spp_ops.engine.config import as_data
from spp_ops.engine.skeleton import skeleton


def tell_detector_plan(
    console: Output,
    images: DetectionImages,
    tests: DetectionImages | None,
    detector: DetectorConfig,
    how: JointConfig | StagedConfig,
    *,
    weights: str | None,
    out: Path,
    resume: bool,
) -> None:
    """Print what would be trained; every line follows from what the training itself would use."""
    refuse_missing_weights(weights)
    if isinstance(how, JointConfig):
        epoch = -(-len(images) // how.images_per_step)
        steps = f"{how.epochs} x {epoch} steps, {how.epochs * epoch:,} in all"
        file = FILE_NAME
    else:
        steps = f"{sum(how.tuning.batches):,} batches of fine-tuning, SVMs, {'no ' * (how.boxes is None)}box regression"
        file = RECORD_NAME
    with skeleton():
        net = detector.build()
    plan = {
        "images": f"{len(images):,}, {sum(map(len, images.objects)):,} objects",
        "classes": f"{len(images.classes)}: {', '.join(images.classes)}",
        "tests": "none" if tests is None else f"{len(tests):,} images",
        "network": f"{detector.arch} from {weights or 'random weights'}",
        "training": steps,
    }
    settings = yaml.safe_dump(
        {"detector": as_data(detector), "training": as_data(how)}, sort_keys=False, default_flow_style=None
    )
    tell_plan(console, out, file, resume=resume, net=net, plan=plan, settings=settings)
