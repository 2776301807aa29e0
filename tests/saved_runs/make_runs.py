"""How the runs in this folder were made: by the code of commit b04a483, before there was an engine.

    git archive b04a483 | tar x -C OLD && cd OLD && (build it) && PYTHONPATH=.:tests/detection python make_runs.py OUT

Each folder of OUT holds a run that was stopped, and in `whole.pt` the tensors that the same run has in the end when it
is not stopped. The networks have a few channels, so that the files are small.
"""

import sys
from pathlib import Path
from unittest import mock

import torch
from rich.console import Console
from scenes import read_scenes, write_scenes
from shape_images import write_shape_folders
from spp_ops.detection.detector_config import DetectorConfig

from spp_ops.classification import Checkpoint, Job, NetworkConfig, TrainingConfig, train
from spp_ops.classification.training import Trainer
from spp_ops.datasets.folders import read_folders
from spp_ops.detection.joint import JointCheckpoint, JointConfig, JointJob, train_joint
from spp_ops.detection.joint.training import JointTrainer
from spp_ops.detection.proposals import ProposalConfig
from spp_ops.detection.staged import FineTuning, StagedConfig, StagedJob, SVMs, train_staged
from spp_ops.detection.staged.batches import Batches
from spp_ops.models import small
from spp_ops.models.architectures import Stage, max_pool

CPU, QUIET = torch.device("cpu"), Console(quiet=True)
small.SMALL5 = (Stage(4, 5, stride=2, padding=2, then=(max_pool(2, 2),)), *(Stage(6, 3, padding=1) for _ in range(2)))


class StoppedError(Exception):
    pass


def stopped(owner: type, method: str, when, train_it) -> None:
    real = getattr(owner, method)

    def step(self, *arguments, **named):
        if when(self, *arguments):
            raise StoppedError
        return real(self, *arguments, **named)

    with mock.patch.object(owner, method, step):
        try:
            train_it()
        except StoppedError:
            return
    raise AssertionError("was not stopped")


def classifier(out: Path, shapes: Path) -> None:
    images = read_folders(shapes / "train")
    network = NetworkConfig("small5", (2, 1), (8,))
    training = TrainingConfig(
        epochs=4, batch_size=7, sizes=(48, 40), milestones=(1, 3), backbone_lr=0.7, ema=0.5, seed=3
    )

    def run(folder: Path, every: int = 0) -> None:
        train(images, None, network, training, job=Job(folder, checkpoint_every=every), device=CPU, console=QUIET)

    stopped(Trainer, "_train_batch", lambda self, *_: self.step == 7, lambda: run(out, every=2))
    run(out / "whole")
    whole = Checkpoint.load(out / "whole")
    torch.save({"model": whole.model, "average": whole.average, "history": whole.history}, out / "whole.pt")


def detector() -> DetectorConfig:
    proposals = ProposalConfig(method="file", file="windows.npz")
    return DetectorConfig(
        ("blue", "red"), "small5", (2, 1), (16,), scales=(96,), target_area=48.0**2, proposals=proposals
    )


def joint(out: Path) -> None:
    config = JointConfig(
        epochs=4,
        windows_per_image=32,
        hard_share=0.5,
        scales=(96, 80),
        colour_shift=0.1,
        backbone_lr=0.3,
        warmup=3,
        milestones=(1, 3),
        ema=0.5,
        seed=3,
    )

    def run(folder: Path, every: int = 0) -> None:
        job = JointJob(folder, checkpoint_every=every)
        train_joint(read_scenes(Path()), None, detector(), config, job=job, device=CPU, console=QUIET)

    stopped(JointTrainer, "_train_step", lambda self, *_: self.step == 7, lambda: run(out, every=2))
    run(out / "whole")
    whole = JointCheckpoint.load(out / "whole")
    torch.save({"model": whole.model, "average": whole.average, "history": whole.history}, out / "whole.pt")


def staged(out: Path) -> None:
    tuning = FineTuning(batches=(12, 4), rates=(0.01, 0.001), batch_windows=32, batch_pictures=2)
    config = StagedConfig(mirror=True, tuning=tuning, svms=SVMs(c=0.01, retrain_after=100), seed=4)

    def run(folder: Path) -> torch.nn.Module:
        job = StagedJob(folder, maps=out.parent / "maps", checkpoint_every=5)
        return train_staged(read_scenes(Path()), detector(), config, job=job, device=CPU, console=QUIET).net

    stopped(Batches, "__call__", lambda self, number: number == 13, lambda: run(out))
    torch.save({"model": run(out / "whole").state_dict()}, out / "whole.pt")


if __name__ == "__main__":
    import os

    torch.set_num_threads(1)
    root = Path(sys.argv[1]).absolute()
    data = root / "data"
    write_shape_folders(data / "shapes", pictures={"train": 12}, shapes=("cross", "disc"))
    write_scenes(data / "scenes", {"trainval": 7, "test": 3})
    os.chdir(data / "scenes")
    classifier(root / "classifier", data / "shapes")
    joint(root / "joint")
    staged(root / "staged")
