"""Train the detector of digits that comes with the package, from scratch, and test it on images it has not seen.

python -m benchmarks.detection.train_digits [--run runs/digits] [--seed 0]

Goes on where it was. Some twenty minutes on one busy core; writes spp_ops/detection/pretrained/digits.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import torch
from rich.console import Console

from benchmarks.detection.common import RESULTS, machine_of
from spp_ops.demo.digit_detector import CLASSES, FOLDER, digit_images
from spp_ops.detection import DetectorConfig, ProposalConfig
from spp_ops.detection.detectors.inference import run_detector
from spp_ops.detection.evaluation.evaluate import evaluate_detections
from spp_ops.detection.joint import JointConfig, JointJob, train_joint
from spp_ops.detection.joint.anchors import fit_proposer
from spp_ops.engine.config import as_data
from spp_ops.engine.display import ConsoleProgress
from spp_ops.engine.files import write_json

# Digits of 16 pixels have few cells of stride 8 to themselves: windows keep all of them (no inset), and small ones
# are looked at on enlarged images.
DETECTOR = DetectorConfig(
    CLASSES,
    "small5",
    hidden=(128,),
    scales=(160, 240, 360),
    target_area=96.0**2,
    inset=0.0,
    proposals=ProposalConfig("learned", limit=100),
)
TEST_SCALES = (*DETECTOR.scales, 500)  # training on the largest would take half as long again
CANDIDATES = 1000  # of each map; more find no more here, and take longer than all else
TEST_WINDOWS = ProposalConfig("learned", limit=300)
TRAINING = JointConfig(
    epochs=10,
    images_per_step=2,
    windows_per_image=128,
    hard_share=0.5,  # half of them objects, half background: with fewer nearly all would be objects
    object_copies=5,
    proposals_per_image=300,
    scales=DETECTOR.scales,
    flip=False,  # no digit is another's flipped image
    optimizer="adam",
    lr=0.002,
    backbone_lr=1.0,
    dropout=0.0,
    row_rms=0.05,
    precision="bf16-mixed",
    ema=0.998,
)


@click.command()
@click.option("--run", type=click.Path(path_type=Path), default=Path("runs/digits"), show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--stop-after", type=click.IntRange(1), help="Stop after so many epochs, to go on later.")
def main(run: Path, seed: int, stop_after: int | None) -> None:
    """Train, test and write."""
    console = Console()
    config = replace(TRAINING, seed=seed)
    images = digit_images(run / "data", "train")
    anchors = fit_proposer(images, config.scales, DETECTOR.longest)
    trained = train_joint(
        images,
        None,
        replace(DETECTOR, proposer=replace(anchors, candidates=CANDIDATES)),
        config,
        job=JointJob(run, resume=True, stop_after=stop_after),
        device=torch.device("cpu"),
        progress=ConsoleProgress(console),
    )
    detector = trained.changed(scales=TEST_SCALES, proposals=TEST_WINDOWS)
    detector.save(FOLDER, half=True)
    tests = digit_images(run / "data", "test")
    evaluation = evaluate_detections(tests, run_detector(detector, tests))
    console.print(f"mAP {100 * evaluation.eleven_point:.1f} % (11-point), COCO AP {100 * evaluation.coco.ap:.1f} %")
    write_json(
        RESULTS / "digits.json",
        {
            "detector": as_data(detector.config),
            "training": as_data(config),
            "machine": machine_of(),
            "test": evaluation.as_data(),
        },
    )


if __name__ == "__main__":
    main()
