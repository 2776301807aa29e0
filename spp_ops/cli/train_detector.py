"""`spp-ops train-detector`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import torch

from spp_ops.cli._command import GroupedCommand
from spp_ops.cli._console import Output, shown_progress, yellow_lines
from spp_ops.cli._data import DataOptions, data_options
from spp_ops.cli._detection import proposals_option
from spp_ops.cli._detector_plan import tell_detector_plan
from spp_ops.cli._joint import JOINT_OPTIONS, joint_options, make_joint_config, make_joint_job
from spp_ops.cli._options import Numbers, device_option, examples, seed_option
from spp_ops.cli._settings import SettingsFile
from spp_ops.cli._training import run_folder_of, run_options
from spp_ops.datasets.detection import DetectionImages
from spp_ops.datasets.problems import Notice
from spp_ops.datasets.reading import DetectionData
from spp_ops.detection.detectors.config import DetectorConfig
from spp_ops.detection.features.regions import ProjectionRule
from spp_ops.detection.joint import JointCheckpoint, train_joint
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.proposals.config import LEARNED_LIMIT
from spp_ops.detection.staged import PRESETS, StagedJob, train_staged
from spp_ops.engine.checkpoint import FILE_NAME

_STAGED_OPTIONS = ("preset",)
_JOINT_HIDDEN: tuple[int, ...] = ()  # for few images; the paper's two layers come with ImageNet's weights


@click.command(
    cls=GroupedCommand,
    epilog=examples(
        "train-detector data/VOC2007 --weights DEFAULT --scales 480,576,688 --out runs/joint",
        "train-detector data/VOC2007 --pipeline staged --preset paper --weights DEFAULT --out runs/staged",
        "train-detector --annotations data/train.json --images data/train2017 --out runs/coco --resume",
        "train-detector data/roboflow-export --val-split valid --out runs/own",
        "train-detector data/VOC2007 --arch small5 --backbone-lr 1 --split train --val-split val --out runs/small",
    ),
)
@data_options
@click.option("--split", help="The split of DATA to train on.  [default: trainval, else train]")
@click.option(
    "--val-annotations", type=click.Path(path_type=Path), metavar="F", help="Joint: a file to test on while training."
)
@click.option(
    "--val-images",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the images of --val-annotations.  [default: --images]",
)
@run_options
@click.option(
    "--pipeline",
    type=click.Choice(["joint", "staged"]),
    default="joint",
    show_default=True,
    help="joint: all layers at once, through the pooling operator. staged: the paper's fine-tuning, SVMs and boxes.",
)
@click.option(
    "--arch", default=DetectorConfig.arch, show_default=True, help="zf5, small5, squeezenet1_0, vgg16, timm/NAME, ..."
)
@click.option("--weights", help="Weights to start from: a file, or torchvision's entry for its networks (DEFAULT).")
@click.option(
    "--levels", type=Numbers(), default="6,3,2,1", show_default=True, help="Bins a side of each level of the pyramid."
)
@click.option(
    "--hidden",
    type=Numbers(),
    help="Widths of the fully connected layers below the scores; '' for none.  [default: none (joint), "
    "4096,4096 (staged)]",
)
@click.option(
    "--scales",
    type=Numbers(),
    default=",".join(map(str, DetectorConfig.scales)),
    show_default=True,
    help="Shorter sides in pixels of the resized images that the detector looks at.",
)
@click.option(
    "--projection",
    type=click.Choice(get_args(ProjectionRule)),
    default=DetectorConfig.projection,
    show_default=True,
    help="The rule from windows to cells of a map: the authors' code, the paper's journal version, Fast R-CNN.",
)
@proposals_option("learned (joint), selective-search-fast (staged)")
@click.option(
    "--windows",
    type=click.IntRange(1),
    help=f"At most this many windows an image.  [default: {LEARNED_LIMIT} learned ones, {ProposalConfig.limit} others]",
)
@click.option("--no-boxes", is_flag=True, help="Do not learn to correct windows.")
@click.option("--resume", is_flag=True, help="Go on with the run in RUN, to the same result; more --epochs prolong it.")
@click.option("--deterministic", is_flag=True, help="On a GPU: the same result from every run, for some speed.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="Staged: the settings of the paper, of its authors' code, or for some hundred images.  [default: small]",
)
@joint_options
@device_option
@seed_option
def command(
    *,
    source: DataOptions,
    split: str | None,
    val_annotations: Path | None,
    val_images: Path | None,
    out: Path | None,
    dry_run: bool,
    pipeline: str,
    arch: str,
    weights: str | None,
    levels: tuple[int, ...],
    hidden: tuple[int, ...] | None,
    scales: tuple[int, ...],
    projection: ProjectionRule,
    proposals: ProposalConfig | None,
    windows: int | None,
    no_boxes: bool,
    resume: bool,
    deterministic: bool,
    device: torch.device,
    seed: int,
    **of_a_pipeline: Any,
) -> None:
    """Train a detector on DATA: a folder or file of Pascal VOC's, COCO's or YOLO's annotations, or CSV.

    RUN gets the detector, which is all that `detect` and `evaluate-detector` need, the run's checkpoints, scalars for
    TensorBoard, training.png, and settings.yaml, which makes the run again (--config). Under `torchrun` the images of a
    step are shared by all processes.
    """
    given = {name: value for name, value in of_a_pipeline.items() if value is not None}
    _refuse_options_of_the_other(pipeline, given)
    torch.use_deterministic_algorithms(deterministic)
    console = Output()

    notice = yellow_lines(console)
    data = source.find()
    labeled = source.read(data, source.part(data, split, "train"), notice)
    if not any(map(len, labeled.objects)):
        raise ValueError(f"{source.source}: expected objects to learn from, found none in {len(labeled)} images")
    out = run_folder_of(out, source.source, arch, resume=resume, notice=notice)
    proposals = proposals or _usual_proposals(pipeline, out, resume)
    if pipeline == "staged" and proposals.method == "learned":
        raise ValueError("--proposals learned: windows are learned by --pipeline joint alone, given with staged")
    progress = shown_progress(console)
    detector = DetectorConfig(
        labeled.classes,
        arch,
        levels,
        scales=scales,
        projection=projection,
        proposals=proposals if windows is None else replace(proposals, limit=windows),
    )
    if pipeline == "staged":
        config = replace(PRESETS[given.get("preset", "small")], seed=seed)
        staged = replace(config, boxes=None) if no_boxes else config
        detector = detector if hidden is None else replace(detector, hidden=hidden)
        if dry_run:
            tell_detector_plan(console, labeled, None, detector, staged, weights=weights, out=out, resume=resume)
            return
        job = StagedJob(out, weights, resume, settings=SettingsFile.text())
        train_staged(labeled, detector, staged, job=job, device=device, progress=progress)
    else:
        tests = _validation(source, data, given, (val_annotations, val_images), labeled.classes, notice)
        detector = replace(
            detector, hidden=_JOINT_HIDDEN if hidden is None else hidden, box_input=None if no_boxes else "trunk"
        )
        joint = make_joint_config(given, detector, seed)
        if dry_run:
            tell_detector_plan(console, labeled, tests, detector, joint, weights=weights, out=out, resume=resume)
            return
        train_joint(
            labeled,
            tests,
            detector,
            joint,
            job=make_joint_job(given, out, weights, resume),
            device=device,
            progress=progress,
        )
    console.print(f"saved in {out}")


def _usual_proposals(pipeline: str, out: Path, resume: bool) -> ProposalConfig:
    """What is looked at where nothing is asked for; a run goes on with what it began with."""
    if pipeline == "staged":
        return ProposalConfig()
    if resume and (out / FILE_NAME).is_file():
        return JointCheckpoint.load(out).detector.proposals
    return ProposalConfig("learned", limit=LEARNED_LIMIT)


def _validation(
    source: DataOptions,
    data: DetectionData,
    given: dict[str, Any],
    file: tuple[Path | None, Path | None],
    classes: Sequence[str],
    notice: Notice,
) -> DetectionImages | None:
    """What to test on while training: a file, a split, or the share of a random one; None: nothing is asked for."""
    if file[0] is not None:
        other = source.of_file(file[0], file[1])
        found = other.find()
        return other.read(found, other.part(found, None, "test"), notice, classes)
    if "val_split" not in given and not source.val_share:
        return None
    return source.read(data, source.part(data, given.get("val_split", "val"), "test"), notice, classes)


def _refuse_options_of_the_other(pipeline: str, given: dict[str, Any]) -> None:
    other, names = ("staged", _STAGED_OPTIONS) if pipeline == "joint" else ("joint", JOINT_OPTIONS)
    for name in names:
        if name in given:
            raise ValueError(f"--{name.replace('_', '-')}: an option of --pipeline {other}, given with {pipeline}")
